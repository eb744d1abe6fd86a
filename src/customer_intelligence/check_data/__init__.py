"""Report how a file of invoice lines would be read and counted, before anything is built.

The file is loaded into a scratch directory exactly as by a build, and the models run there up to
the dispositions of the lines, so the report and a build agree. Without a mapping, a preset applies
or a mapping is drafted from the names and values of the columns, for a person to review.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from customer_intelligence.check_data.draft import Draft
from customer_intelligence.check_data.draft_file import check_out, draft_text
from customer_intelligence.check_data.drafting import draft_of
from customer_intelligence.check_data.reading import Build, read
from customer_intelligence.check_data.report import known_columns, next_step, report
from customer_intelligence.data_dir.files import printable
from customer_intelligence.data_dir.layout import MAPPING_FILE
from customer_intelligence.data_dir.outputs import write_output
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.alarm import is_alarming
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.presets import find_mapping, preset
from customer_intelligence.ingest.recognise import known_preset

__all__ = ["Build", "check", "draft_of"]


def check(
    path: Path,
    mapping_name: str | None = None,
    out: Path | None = None,
    *,
    build: Build,
    data_dir: Path | None = None,
    show: Callable[[str], None] = print,
) -> bool:
    """Print how a file would be read, and write the drafted mapping where one is wanted.

    Parameters
    ----------
    path : Path
        Parquet, CSV or XLSX; a directory of files that belong together.
    mapping_name : str, optional
        A mapping file or the name of a preset.
    out : Path, optional
        Where the drafted mapping goes; only an unchanged draft is replaced.
    build : callable
        Runs the models in a data directory, up to what becomes of each line.
    data_dir : Path, optional
        Where the file would be loaded: its shop's rules count, and its last load is compared with.
    show : callable
        What to do with each part of the report.

    Returns
    -------
    bool
        Whether at least half of the records can be read.

    Raises
    ------
    CustomerIntelligenceError
        The refusal that a load would meet, after what is known has been printed; `E_EXISTS` and
        those of `outputs.write_output`.
    """
    if out is not None:
        check_out(out)
    draft, is_known = Draft(), True
    if mapping_name is not None:
        mapping, origin = find_mapping(mapping_name), f"mapping {mapping_name}"
    elif (name := _known_preset(path)) is not None:
        mapping, origin = preset(name), f"preset {name}, known by its header"
        draft.content = stated(mapping)
    else:
        draft, is_known = draft_of(path), False
        mapping, origin = SourceMapping(**draft.content), "mapping drafted from names and values"
    refusal = None
    try:
        with read(path, mapping, build, data_dir) as found:
            lines = list(report(found, path, origin, draft))
            load = found.load
            is_readable = not is_alarming(load.records, load.reasons, load.quarantined)
    except CustomerIntelligenceError as error:
        refusal, is_readable = error, False
        lines = [f"{path.name}: {origin}", "", *known_columns(mapping, draft), "", str(error)]
    # A line each, whatever the names in it hold.
    show("\n".join(printable(line) for line in lines))
    shown_mapping = mapping_name
    if mapping_name is None:
        text = draft_text(draft, path)
        if out is not None:
            write_output(out, text, mode=0o644)
            shown_mapping = str(out)
            show(f"\nwritten: {out}")
        elif not is_known:
            show(f"\nmapping.yml (OUT=mapping.yml writes it):\n\n{text.rstrip()}")
            shown_mapping = MAPPING_FILE
    show(f"\n{next_step(path, shown_mapping, refusal, is_readable=is_readable)}")
    if refusal is not None:
        raise refusal
    return is_readable


def _known_preset(path: Path) -> str | None:
    try:
        return known_preset(path)
    except CustomerIntelligenceError as refusal:
        # Files that no preset knows are drafted.
        if refusal.code != "E_NOT_A_FILE" or not path.is_dir():
            raise
        return None


def stated(mapping: SourceMapping) -> dict[str, Any]:
    """Return the keys of a mapping that say something, as they stand in a file."""
    default = SourceMapping().as_dict()
    said = mapping.as_dict().items()
    content = {key: value for key, value in said if value != default[key]}
    return {**content, "rules": dict(mapping.rules)} if mapping.rules else content
