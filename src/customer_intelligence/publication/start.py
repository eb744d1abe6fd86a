"""The start of every dbt command: check the vars, find the source, make the schema ``raw``.

The schema is made anew each time and appears whole: invoice lines and loads, the rules of the
shop, who must not be contacted, campaigns, and the clusters that are published now.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from customer_intelligence.data_dir import preflight
from customer_intelligence.data_dir.layout import MAPPING_FILE, RAW, ROWS_FILE, SAMPLE, SHOP_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load
from customer_intelligence.ingest.pipeline import FUTURE_TOLERANCE
from customer_intelligence.ingest.raw_schema import Shop, lines_of_loads, make_raw_schema
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.relation import find_relation
from customer_intelligence.ingest.shop import compare, read_shop, shop_of_loads, stated_rules
from customer_intelligence.ingest.yaml_files import read_yaml
from customer_intelligence.publication.already_read import (
    AlreadyRead,
    Lines,
    lines_now,
    take_note,
)
from customer_intelligence.publication.gate import WORKING
from customer_intelligence.publication.reader import (
    open_marts,
    previous_clusters,
    previous_horizon,
)
from customer_intelligence.variables import check_variables


@dataclass(frozen=True)
class Started:
    """How a command began."""

    words: str
    """What is built."""
    lines: Lines
    already_read: AlreadyRead | None
    """None where the tables of lines are to be made anew."""
    is_whole: bool
    """Whether every model is built."""


def start_run(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    *,
    project_dir: str,
    variables: Mapping[str, object],
    given: Sequence[str],
    started_at: str,
    command: str = "build",
    changes_lines: bool = True,
    is_whole: bool = True,
    is_anew: bool = False,
    find: Callable[..., Shop] | None = None,
) -> Started:
    """Prepare a dbt command.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the work database, with no transaction open.
    data_dir : Path
    project_dir : str
        Where the bundled sample is, in ``data/sample``.
    variables : mapping
        The value of every var.
    given : sequence of str
        Names of the vars on the command line.
    started_at : str
        Moment of the command, ISO, in UTC.
    command : str
        Of dbt. Those that only compile leave no mark of a run that must end.
    changes_lines : bool
        Whether the command builds a table that keeps lines from one build to the next.
    is_whole : bool
        Whether it builds every model.
    is_anew : bool
        Whether they are to be made anew, or without rows.
    find : callable
        How to find the shop, `find_shop_to_build` where nothing is said: an engine that has
        relations of its own has a way of its own.

    Returns
    -------
    Started

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_VARS, E_BAD_SHOP, E_NO_SHOP, E_DAMAGED_LOAD, E_LOADS_GONE, E_BAD_RELATION, or
        E_DO_NOT_CONTACT or E_OTHER_KEY if do_not_contact.csv cannot be used.
    """
    check_variables(variables, given)
    relation = variables["raw_relation"]
    latest = dt.datetime.fromisoformat(started_at) + FUTURE_TOLERANCE
    shop = (find or find_shop_to_build)(connection, data_dir, relation, latest, Path(project_dir))
    if command in WORKING:
        preflight.begin_run(data_dir)
    lines = lines_now(Path(project_dir), shop, variables)
    already_read, words = None, ""
    if command in WORKING and changes_lines:
        already_read, words = take_note(connection, lines)
        if already_read is not None and (is_anew or not is_whole):
            already_read, words = None, "all lines are read for the tables that are built"
    # A relation of others may change while it is read; a load never does.
    is_copied = relation is not None and command in WORKING
    make_raw_schema(
        connection,
        data_dir,
        shop,
        previous_clusters(data_dir),
        previous_horizon(data_dir, [manifest["load_id"] for manifest in shop.manifests]),
        [] if already_read is None else [astuple(already_read)],
        is_copied=is_copied,
    )
    return Started(", ".join(filter(None, (shop.words, words))), lines, already_read, is_whole)


def find_shop_to_build(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    relation: object,
    latest: dt.datetime,
    project: Path,
) -> Shop:
    """Return the shop of the relation, or of the data directory where none is named."""
    if relation is None:
        return find_shop(data_dir, project / SAMPLE)
    return _shop_of_relation(connection, data_dir, str(relation), latest, project)


def find_shop(data_dir: Path, sample: Path) -> Shop:
    """Return the shop of the loads, or the sample if nothing was ever loaded or published.

    Raises
    ------
    CustomerIntelligenceError
        E_LOADS_GONE where there were loads once; what is wrong with a load or with the rules.
    """
    load.settle_shop(data_dir)
    manifests = load.read_manifests(data_dir / RAW)
    if manifests:
        rules = shop_of_loads(data_dir)
        _check_copies_are_known(data_dir, manifests, rules)
        words = f"{len(manifests)} load(s) in {data_dir}/raw"
        return Shop(words, lines_of_loads(data_dir, manifests), manifests, rules, data_dir)
    of_sample = load.read_manifests(sample / RAW)
    evidence = _evidence_of_loads(data_dir, of_sample)
    if evidence is not None:
        raise CustomerIntelligenceError(
            "E_LOADS_GONE",
            f"There is no load in {data_dir / RAW}, and {evidence}.",
            "Restore raw/ from a backup, add the files again with DATA=…, or name the raw_relation "
            "that was built on; for the bundled sample, name another DATA_DIR.",
        )
    words = f"the bundled sample (no load in {data_dir}/raw)"
    rules = shop_of_loads(sample)
    return Shop(words, lines_of_loads(sample, of_sample), of_sample, rules, sample)


def _check_copies_are_known(
    data_dir: Path, manifests: Sequence[Mapping[str, Any]], rules: Mapping[str, Any]
) -> None:
    """Refuse loads without `copy_number` if the shop drops copies."""
    if rules.get("copies") != "drop":
        return
    for manifest in manifests:
        directory = data_dir / RAW / manifest["load_id"]
        if "copy_number" not in pq.read_schema(directory / ROWS_FILE).names:
            raise CustomerIntelligenceError(
                "E_OLD_LOAD",
                f"{directory} does not tell which lines are copies, and {SHOP_FILE} drops them.",
                f"Remove it and load {manifest['source_file']} again, or write `copies: count`.",
            )


def _evidence_of_loads(data_dir: Path, of_sample: Sequence[Mapping[str, Any]]) -> str | None:
    if (data_dir / SHOP_FILE).exists() or (data_dir / SHOP_FILE).is_symlink():
        return f"there is a {SHOP_FILE}, which comes with one"
    known = {manifest["file_sha256"] for manifest in of_sample}
    try:
        with open_marts(data_dir) as marts:
            published = marts.execute("select load_id, file_sha256 from rpt_loads").fetchall()
    except (CustomerIntelligenceError, duckdb.Error):
        # Nothing is published, or nothing that can be read and lost.
        return None
    others = [load_id for load_id, sha256 in published if sha256 not in known]
    return f"the published marts were built from {others[0]}" if others else None


def _shop_of_relation(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    relation: str,
    latest: dt.datetime,
    project: Path,
) -> Shop:
    """Return the shop of a relation; without `shop.yml`, the rules are those of its mapping."""
    path = data_dir / MAPPING_FILE
    stated = read_yaml(path, "E_BAD_MAPPING") if path.exists() else None
    found = find_relation(connection, relation, latest, stated, base=project)
    reading = found.reading
    named = stated_rules(reading.mapping, reading.currency)
    rules = read_shop(data_dir)
    notes = list(reading.notes)
    if reading.clock != Reading.clock:
        notes.append(f"has the clock {reading.clock}")
    words = f"the relation {relation}"
    if rules is not None:
        notes += compare(relation, named, rules)
    elif named.keys() - {"currency"}:
        words += f" (without {data_dir / SHOP_FILE}: the rules of its mapping)"
    else:
        words += f" (without {data_dir / SHOP_FILE}: every code is merchandise, signs decide)"
    load_of_it = {"load_id": reading.name, "load_number": 1, "source_file": reading.name}
    return Shop(
        "; it ".join([words, *notes]), found.query, [load_of_it], named if rules is None else rules
    )
