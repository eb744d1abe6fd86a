"""From one file to one load: recognise, read, check, publish."""

import datetime as dt
import glob
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from pyarrow import ArrowException

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load, stage, text
from customer_intelligence.ingest.checks import date_survey_query, literal, raw_rows_query
from customer_intelligence.ingest.files import (
    check_regular_file,
    detect_format,
    file_sha256,
    unreadable,
)
from customer_intelligence.ingest.mapping import SourceMapping, resolve_columns
from customer_intelligence.ingest.workbook import Workbook

LOGGER = logging.getLogger(__name__)
MEMORY_LIMIT = "2GB"
# Clocks and time zones differ; a date further ahead than this is wrong.
FUTURE_TOLERANCE = dt.timedelta(days=1)

_NO_FINDINGS = (
    "cast([] as varchar[]) as found_reasons, cast(null as varchar) as found_raw_record, "
    "cast(null as timestamp) as date_cell"
)


@dataclass
class Source:
    """A recognised file: its header, its fields, and how to make it the view ``source``."""

    path: Path
    format: str
    header: list[str]
    columns: dict[str, int]
    types: list[str]
    readers: list[Callable[[duckdb.DuckDBPyConnection, Path], int]]
    """Ways to create the view, fastest first; each returns the records it must hold."""
    encoding: str | None = None
    notes: list[str] = field(default_factory=list)


def ingest_file(
    path: Path, data_dir: Path, mapping: SourceMapping | None = None
) -> load.LoadResult:
    """Add one file of invoice lines to the raw layer.

    Parameters
    ----------
    path : Path
        A Parquet, CSV or XLSX file; its bytes decide which.
    data_dir : Path
        The load is written to ``<data_dir>/raw/<load_id>/``.
    mapping : SourceMapping, optional
        Column names and formats that the file cannot tell by itself.

    Returns
    -------
    LoadResult
        The new load, or the earlier one when the same content was loaded before.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused and nothing is written.
    """
    mapping = mapping or SourceMapping()
    _check_date_format(mapping)
    before = check_regular_file(path)
    source = _recognise(path, mapping)
    sha256 = file_sha256(path)
    with load.open_raw(data_dir) as raw:
        manifests = load.read_manifests(raw)
        for manifest in manifests:
            if manifest["file_sha256"] == sha256:
                return _skipped(path, raw, manifest, mapping)
        number = 1 + max((manifest["load_number"] for manifest in manifests), default=0)
        try:
            with load.temporary_load(raw) as directory:
                result, manifest = _write_load(source, directory, number, sha256, mapping)
                after = path.stat()
                if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                    raise CustomerIntelligenceError(
                        "E_CHANGED",
                        f"{path.name} changed while it was being read.",
                        "Wait until it is written completely, then try again.",
                    )
                load.publish(directory, manifest)
        except OSError as error:
            raise CustomerIntelligenceError(
                "E_IO",
                f"The load of {path.name} could not be written to {raw}: {error}.",
                "Check free space and permissions, then try again.",
            ) from error
    for note in result.notes:
        LOGGER.info("%s %s", path.name, note)
    return result


def _check_date_format(mapping: SourceMapping) -> None:
    if mapping.dates is None or "%" not in mapping.dates:
        return
    with _connect() as connection:
        try:
            connection.execute(f"select try_strptime('', {literal(mapping.dates)})")
        except duckdb.InvalidInputException as error:
            raise CustomerIntelligenceError(
                "E_BAD_MAPPING",
                f"The mapping's dates does not allow {mapping.dates!r}.",
                "Use ymd, mdy, dmy or a strptime format such as '%d.%m.%Y %H:%M'.",
            ) from error


def _recognise(path: Path, mapping: SourceMapping) -> Source:
    kind = detect_format(path)
    try:
        recognise = {"parquet": _parquet_source, "xlsx": _workbook_source, "csv": _text_source}
        source = recognise[kind](path, mapping)
    except (OSError, ArrowException) as error:
        raise unreadable(path, error) from error
    used = set(source.columns.values())
    extra = [name for position, name in enumerate(source.header) if position not in used]
    if extra:
        source.notes.append(f"has columns that are not used: {', '.join(map(repr, extra))}")
    return source


def _parquet_source(path: Path, mapping: SourceMapping) -> Source:
    header = list(pq.read_schema(path).names)
    columns = resolve_columns(header, mapping, path.name)
    scan = (
        f"read_parquet({literal(glob.escape(str(path)))}, file_row_number = true, "
        "hive_partitioning = false, binary_as_string = true)"
    )
    with _connect() as connection:
        try:
            described = connection.execute(f"describe select * from {scan}").fetchall()  # noqa: S608
        except _READ_ERRORS as error:
            raise unreadable(path, error) from error
    names, types = zip(*[row[:2] for row in described if row[0] != "file_row_number"], strict=True)

    def read(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        selected = ", ".join(
            f'"{name.replace(chr(34), chr(34) * 2)}" as c{position}'
            for position, name in enumerate(names)
        )
        connection.execute(
            f"create or replace view source as select file_row_number + 1 as record_number, "  # noqa: S608
            f"{selected}, {_NO_FINDINGS} from {scan}"
        )
        return int(pq.read_metadata(path).num_rows)

    return Source(path, "parquet", header, columns, list(types), [read])


def _text_source(path: Path, mapping: SourceMapping) -> Source:
    encoding = text.detect_encoding(path, mapping.encoding)
    header, separator, columns = text.find_header(path, encoding, mapping)
    width = len(header)

    def read_fast(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        readable = path
        if encoding.name not in ("utf-8", "utf-8-sig", "ascii"):
            readable = directory / "text.csv"
            text.transcode(path, encoding, readable)
        structure = text.measure_structure(readable, separator, width)
        if not structure.is_well_formed:
            raise _NotWellFormedError
        types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(width))
        connection.execute(
            "create or replace view source as "  # noqa: S608
            f"select row_number() over () as record_number, *, {_NO_FINDINGS} "
            f"from read_csv({literal(glob.escape(str(readable)))}, auto_detect = false, "
            f"header = true, columns = {{{types}}}, delim = {literal(separator)}, quote = '\"', "
            "escape = '\"', strict_mode = true, null_padding = false, ignore_errors = false, "
            "hive_partitioning = false)"
        )
        return structure.records - 1

    def read_slowly(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        with text.open_text(path, encoding) as stream:
            records = stage.text_records(
                stream,
                separator,
                stage.record_keys(header),
                may_be_damaged=not encoding.is_valid,
            )
            return _stage(connection, directory, records, width)

    return Source(
        path,
        "csv",
        header,
        columns,
        ["VARCHAR"] * width,
        [read_fast, read_slowly] if encoding.is_valid else [read_slowly],
        encoding.name,
        [encoding.note] if encoding.note else [],
    )


def _workbook_source(path: Path, mapping: SourceMapping) -> Source:
    workbook = Workbook(path, mapping)
    width = len(workbook.header)

    def read(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        return _stage(connection, directory, stage.workbook_records(workbook), width)

    source = Source(path, "xlsx", workbook.header, workbook.columns, ["VARCHAR"] * width, [read])
    if len(workbook.sheets) > 1:
        source.notes.append(f"has the table on several sheets: {', '.join(workbook.sheets)}")
    if workbook.other_sheets:
        source.notes.append(
            f"has sheets with another header, not read: {', '.join(workbook.other_sheets)}"
        )
    return source


class _NotWellFormedError(Exception):
    """The text needs reading record by record."""


# What a damaged file can make DuckDB raise; anything else is a mistake of this program.
_READ_ERRORS = (
    _NotWellFormedError,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.OutOfRangeException,
    duckdb.SerializationException,
)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    records: Iterable[stage.StagedRecord],
    width: int,
) -> int:
    path = directory / "stage.parquet"
    written = stage.write_stage(path, records, width)
    connection.execute(
        f"create or replace view source as from read_parquet({literal(glob.escape(str(path)))}, "
        "hive_partitioning = false)"
    )
    return written


def _write_load(
    source: Source, directory: Path, number: int, sha256: str, mapping: SourceMapping
) -> tuple[load.LoadResult, dict[str, object]]:
    name = source.path.name
    load_id = f"{number:04d}-{sha256[:12]}"
    loaded_at = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    parameters = {
        "load_number": number,
        "load_id": load_id,
        "source_file": name,
        "file_sha256": sha256,
        "latest": loaded_at.replace(tzinfo=None) + FUTURE_TOLERANCE,
    }
    rows = directory / load.ROWS_FILE
    work = directory / "work"
    work.mkdir()
    with _connect(work / "spill") as connection:
        for read in source.readers:
            try:
                expected = read(connection, work)
                date_order = _date_order(connection, source, mapping)
                _copy_rows(connection, source, mapping, date_order, parameters, rows)
                records, quarantined, reasons = _count(connection, rows)
            except _READ_ERRORS as error:
                if str(directory) in str(error):
                    raise OSError(str(error).splitlines()[0]) from error
                failure: Exception = error
                continue
            if records == expected:
                break
            failure = ValueError(f"{expected:,} records were counted and {records:,} read")
        else:
            raise unreadable(source.path, failure) from failure
    if read is not source.readers[0]:
        source.notes.append("is not well formed; it was read record by record")
    shutil.rmtree(work)
    notes = [*source.notes, *_warnings(records, quarantined, reasons)]
    result = load.LoadResult(
        name, load_id, directory.parent / load_id, records, quarantined, reasons, tuple(notes)
    )
    manifest = {
        "load_id": load_id,
        "load_number": number,
        "source_file": name,
        "file_sha256": sha256,
        "format": source.format,
        "encoding": source.encoding,
        "date_order": date_order,
        "header": source.header,
        "columns": {field: source.header[at] for field, at in source.columns.items()},
        "mapping": mapping.as_dict(),
        "currency": mapping.currency,
        "records": records,
        "accepted": result.accepted,
        "quarantined": quarantined,
        "reasons": reasons,
        "notes": notes,
        "loaded_at": loaded_at.isoformat(),
    }
    return result, manifest


def _date_order(
    connection: duckdb.DuckDBPyConnection, source: Source, mapping: SourceMapping
) -> str | None:
    """Return the configured or proven order of day and month; refuse when there is neither."""
    position = source.columns["invoice_date"]
    if source.types[position] != "VARCHAR":
        return None
    if mapping.dates is not None:
        return mapping.dates
    row = connection.execute(date_survey_query(f"c{position}")).fetchone()
    day_first, month_first, undecided = row or (None, None, None)
    if day_first and month_first:
        what = f'holds both "{day_first}" (day first) and "{month_first}" (month first)'
    elif undecided and not day_first and not month_first:
        what = f'holds "{undecided}" and no date that shows whether the day or the month is first'
    else:
        return "dmy" if day_first else "mdy" if month_first or undecided else "ymd"
    raise CustomerIntelligenceError(
        "E_AMBIGUOUS_DATES",
        f'Column "{source.header[position]}" of {source.path.name} {what}.',
        "Set `dates: mdy` or `dates: dmy` in mapping.yml.",
    )


def _copy_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    mapping: SourceMapping,
    date_order: str | None,
    parameters: dict[str, object],
    target: Path,
) -> None:
    query = raw_rows_query(
        source.columns, source.types, stage.record_keys(source.header), mapping, date_order
    )
    connection.execute(
        f"copy ({query}) to $target (format parquet, compression zstd)",
        {**parameters, "target": str(target)},
    )


def _count(connection: duckdb.DuckDBPyConnection, rows: Path) -> tuple[int, int, dict[str, int]]:
    path = glob.escape(str(rows))
    counts = connection.execute(
        "select count(*), count(*) filter (len(reasons) > 0) from read_parquet(?)", [path]
    ).fetchone()
    reasons = connection.execute(
        "select reason, count(*) from "
        "(select unnest(reasons) as reason from read_parquet(?) where len(reasons) > 0) "
        "group by reason order by reason",
        [path],
    ).fetchall()
    records, quarantined = counts or (0, 0)
    return records, quarantined, dict(reasons)


def _warnings(records: int, quarantined: int, reasons: dict[str, int]) -> list[str]:
    if records == 0:
        return ["has a header and no records"]
    if quarantined == 0:
        return []
    listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return [f"has quarantined records: {listed}"]


def _skipped(
    path: Path, raw: Path, manifest: dict[str, object], mapping: SourceMapping
) -> load.LoadResult:
    directory = raw / str(manifest["load_id"])
    if manifest["mapping"] != mapping.as_dict():
        raise CustomerIntelligenceError(
            "E_OTHER_MAPPING",
            f"{path.name} was loaded before with another mapping, as {manifest['load_id']}.",
            f"Remove {directory} to load it again, or use the same mapping as then.",
        )
    return load.LoadResult(
        path.name,
        str(manifest["load_id"]),
        directory,
        int(str(manifest["records"])),
        int(str(manifest["quarantined"])),
        dict(manifest["reasons"]),
        (),
        str(manifest["source_file"]),
    )


def _connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": str(min(4, os.cpu_count() or 1)),
            "temp_directory": "" if spill is None else str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
        }
    )
    # Dates that carry an offset, and stored instants, are read as UTC.
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    # The slow path writes again what the fast one wrote; no remembered block may stand in for it.
    connection.execute("set enable_external_file_cache = false")
    return connection
