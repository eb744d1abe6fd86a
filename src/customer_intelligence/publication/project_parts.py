"""What stands in two files of the project and must agree, with advice where one was forgotten.

Each check here is the end of a recipe in CONTRIBUTING.md: a mart, a churn feature, a churn model, a
segment and a class of stock codes. dbt calls it before it builds: a forgotten file costs no build.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.rules import CLASSES

FEATURES, MODELS = "seeds/churn_features.csv", "seeds/churn_models.csv"
MAP, SEGMENTS = "seeds/rfm_segments.csv", "seeds/segment_playbook.csv"
ACTIONS, STOCK_CODES = "seeds/action_playbook.csv", "seeds/stock_code_classes.csv"
# Columns of the two models of features that are none.
NO_FEATURES = {
    *("customer_id", "cutoff_date", "example_set", "horizon_days", "is_active_90d", "has_churned"),
    "is_sampled",
}


def check_parts(
    project: Path,
    variables: Mapping[str, object],
    models: Sequence[Mapping[str, Any]],
    undescribed: Sequence[str],
    fitted: Collection[str],
    classes: Collection[str] = CLASSES,
) -> None:
    """Refuse a project in which something was added to one file and forgotten in another.

    Parameters
    ----------
    project : Path
        Where ``seeds`` lies.
    variables : mapping
        The value of every var.
    models : sequence of mapping
        int_customer_features and int_churn_examples as dbt parsed them: name, columns (those that
        are described), described_in and written_in (paths) and sql.
    undescribed : sequence of str
        Paths of the models that no YAML describes.
    fitted : collection of str
        Names of the churn models that are fitted.
    classes : collection of str
        Classes of stock codes that rules of a shop may name.

    Raises
    ------
    CustomerIntelligenceError
        E_INCOMPLETE, with the file that lacks something and what to write there; E_BAD_VARS for a
        var that names what the project does not have.
    """
    seeds = Seeds(project)
    found = (
        *_descriptions(undescribed),
        *_features(seeds, models),
        *_models(seeds, fitted),
        *_segments(seeds),
        *_stock_codes(seeds, classes),
    )
    if found:
        (what, hint), *others = found
        hints = [hint, *(f"{what} {hint}" for what, hint in others)]
        raise CustomerIntelligenceError("E_INCOMPLETE", what, " ".join(hints))
    for name, file, column in (
        ("churn_features", FEATURES, "feature"),
        ("churn_scoring_model", MODELS, "model"),
    ):
        value = variables.get(name) or []
        known = seeds.column(file, column)
        unknown = _missing(map(str, value if isinstance(value, list) else [value]), known)
        if unknown:
            raise CustomerIntelligenceError(
                "E_BAD_VARS",
                f"The var {name} names {unknown}, which {file} does not have.",
                f"It has: {', '.join(known)}.",
            )


class Seeds:
    """The seeds of a project as they are on the disk.

    Parameters
    ----------
    project : Path
    """

    def __init__(self, project: Path) -> None:
        self._project = project

    def column(self, file: str, name: str) -> list[str]:
        """Return the values of a column, in the order of the file."""
        with (self._project / file).open(encoding="utf-8", newline="") as lines:
            return [row[name] or "" for row in csv.DictReader(lines)]

    def header(self, file: str) -> str:
        """Return the names of the columns as the file has them."""
        with (self._project / file).open(encoding="utf-8") as lines:
            return lines.readline().strip()


# What is wrong and where; what to do.
Advice = Iterator[tuple[str, str]]


def _descriptions(undescribed: Sequence[str]) -> Advice:
    for path in undescribed:
        folder = Path(path).parent
        yield (
            f"{path} is described nowhere.",
            f"Describe it, its key and its columns in {folder / f'_{folder.name}__models.yml'}; "
            "CONTRIBUTING.md shows how (A mart).",
        )


def _features(seeds: Seeds, models: Sequence[Mapping[str, Any]]) -> Advice:
    known = seeds.column(FEATURES, "feature")
    for model in models:
        name, columns = model["name"], model["columns"]
        missing = _missing(known, columns)
        if missing:
            yield (
                f"{model['described_in']} does not describe {missing} of {name}, which {FEATURES} "
                "names.",
                f"Describe the column there, under {name}, or remove the row from {FEATURES}.",
            )
        missing = _missing((c for c in columns if c not in NO_FEATURES), known)
        if missing:
            yield (
                f"{FEATURES} has no row for {missing}, which {model['described_in']} describes in "
                f"{name}.",
                f"Add the row ({seeds.header(FEATURES)}), or remove the column.",
            )
        # The second one takes whatever columns the first one has.
        if name == "int_customer_features":
            words = set(re.findall(r"\w+", model["sql"]))
            missing = _missing(known, words)
            if missing:
                yield (
                    f"{model['written_in']} does not compute {missing}, which {FEATURES} names.",
                    f"Add the column to its last select, or remove the row from {FEATURES}.",
                )


def _models(seeds: Seeds, fitted: Collection[str]) -> Advice:
    ranked = seeds.column(MODELS, "model")
    missing = _missing(fitted, ranked)
    if missing:
        yield (
            f"{MODELS} has no row for {missing}, which is fitted "
            "(MODELS in src/customer_intelligence/churn/models.py).",
            f"Add the row ({seeds.header(MODELS)}): without its rank it cannot be chosen.",
        )
    missing = _missing(ranked, fitted)
    if missing:
        yield (
            f"{MODELS} names {missing}, which is not fitted.",
            "Add its line to MODELS in src/customer_intelligence/churn/models.py, or remove the "
            "row.",
        )
    yield from _ranks(
        seeds, MODELS, "simplicity_rank", "from the simplest model to the most elaborate"
    )


def _segments(seeds: Seeds) -> Advice:
    mapped = {*seeds.column(MAP, "segment"), *seeds.column(MAP, "classic_segment")}
    ranked = seeds.column(SEGMENTS, "segment")
    missing = _missing(sorted(mapped), ranked)
    if missing:
        yield (
            f"{SEGMENTS} has no row for {missing}, a segment of {MAP}.",
            f"Add the row ({seeds.header(SEGMENTS)}), best segment first, or correct {MAP}.",
        )
    missing = _missing(ranked, mapped)
    if missing:
        yield (
            f"{MAP} gives no score the segment {missing}, which {SEGMENTS} names.",
            f"Write it into the column segment of its scores, or remove the row from {SEGMENTS}.",
        )
    yield from _ranks(seeds, SEGMENTS, "segment_rank", "from the best segment to the worst")
    named = (name for cell in seeds.column(ACTIONS, "segments") for name in cell.split("|") if name)
    missing = _missing(named, ranked)
    if missing:
        yield (
            f"{ACTIONS} names the segment {missing}, which {SEGMENTS} does not have.",
            f"Correct the column segments, or add the segment to {SEGMENTS} and {MAP}.",
        )


def _stock_codes(seeds: Seeds, classes: Collection[str]) -> Advice:
    explained = seeds.column(STOCK_CODES, "stock_code_class")
    missing = _missing(classes, explained)
    if missing:
        yield (
            f"{STOCK_CODES} has no row for {missing}, a class that shop.yml may name.",
            f"Add the row ({seeds.header(STOCK_CODES)}).",
        )
    missing = _missing(explained, classes)
    if missing:
        yield (
            f"{STOCK_CODES} explains {missing}, which shop.yml may not name.",
            "Add it to CLASSES in src/customer_intelligence/ingest/rules.py, or remove the row.",
        )


def _ranks(seeds: Seeds, table: str, column: str, order: str) -> Advice:
    ranks = seeds.column(table, column)
    if ranks != [str(rank + 1) for rank in range(len(ranks))]:
        yield (
            f"{table} has the {column.replace('_', ' ')}s {', '.join(ranks)}.",
            f"Sort its rows {order} and number them from 1.",
        )


def _missing(wanted: Iterable[str], known: Collection[str]) -> str:
    """Return in words what is wanted and not known; nothing where all is."""
    return ", ".join(dict.fromkeys(name for name in wanted if name not in known))
