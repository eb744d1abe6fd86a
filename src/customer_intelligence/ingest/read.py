"""Second room: a recognised source as rows of text, numbered and with what is wrong with them.

Each reader turns a reading into a `Source`: a query whose rows have the columns ``record_number``,
``line_number``, ``c0``, ``c1``, …, ``found_reasons``, ``found_raw_record`` and ``date_cell``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from customer_intelligence.ingest.files import shown_name
from customer_intelligence.ingest.formats import stage, text
from customer_intelligence.ingest.formats.parquet import scan
from customer_intelligence.ingest.reading import (
    ParquetLayout,
    Reading,
    TextLayout,
)
from customer_intelligence.quoting import identifier, literal, path_literal

# What a source says of its records where nothing was found wrong with them so far.
NO_FINDINGS = (
    "cast([] as varchar[]) as found_reasons, cast(null as varchar) as found_raw_record, "
    "cast(null as timestamp) as date_cell"
)
_FIXED_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


class NotWellFormedError(Exception):
    """The text needs reading record by record."""


class Source(NamedTuple):
    """A source that can be queried, and how many records it must give."""

    query: str
    records: int | None


Reader = Callable[[Reading, duckdb.DuckDBPyConnection, Path], Source]
"""Takes a connection to register functions with, and a directory for files of its own."""


def readers(reading: Reading) -> list[Reader]:
    """Return the ways to read a source, fastest first; each loses nothing or fails."""
    if isinstance(reading.layout, TextLayout):
        is_fast = reading.layout.encoding.is_valid and reading.layout.separator in text.SEPARATORS
        return [_text_fast, _text_slowly] if is_fast else [_text_slowly]
    return [_parquet if isinstance(reading.layout, ParquetLayout) else _workbook]


def read_relation(reading: Reading) -> Source:
    """Read a relation where it is: without a connection, and without a count of its own."""
    layout = reading.layout
    query = _selected(layout.record_number, reading.header, layout.relation, layout.zones)
    return Source(query, None)


def create_source(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make a source the view ``source``."""
    connection.execute(f"create or replace view source as {source.query}")


def _parquet(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    path, names, zones = reading.path, reading.layout.names, reading.layout.zones
    # Numbers from the file allow several threads, but not beside a column of that name.
    is_numbered = "file_row_number" not in map(str.lower, reading.header)
    number = "file_row_number + 1" if is_numbered else "row_number() over ()"
    return Source(
        _selected(number, names, scan(path, numbered=is_numbered), zones),
        int(pq.read_metadata(path).num_rows),
    )


def _selected(
    number: str, names: Iterable[str], relation: str, zones: Mapping[int, str] | None = None
) -> str:
    values = [identifier(name) for name in names]
    for at, zone in (zones or {}).items():
        values[at] = _local_time(values[at], zone)
    columns = ", ".join(f"{value} as c{at}" for at, value in enumerate(values))
    return (
        f"select {number} as record_number, cast(null as bigint) as line_number, {columns}, "  # noqa: S608  # nosec
        f"{NO_FINDINGS} from {relation}"
    )


def _local_time(instant: str, zone: str) -> str:
    """Write what a clock of a zone, or with an offset such as +02:00, shows at an instant."""
    fixed = _FIXED_OFFSET.fullmatch(zone)
    if fixed is None:
        return f"timezone({literal(zone)}, {instant})"
    minutes = int(fixed[2]) * 60 + int(fixed[3])
    return f"timezone('UTC', {instant}) {fixed[1]} to_minutes({minutes})"


def _text_fast(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    path, layout = reading.path, reading.layout
    encoding, separator, skipped = layout.encoding, str(layout.separator), layout.skipped
    width = len(reading.header)
    readable = path
    # DuckDB reads UTF-8, in text and in the names of files.
    is_utf8 = encoding.name in ("utf-8", "utf-8-sig", "ascii")
    if skipped or not is_utf8 or shown_name(path) != path.name:
        readable = directory / "text.csv"
        text.transcode(path, encoding, readable, skipped)
    structure = text.measure_structure(readable, separator, width)
    if not structure.is_well_formed:
        raise NotWellFormedError
    types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(width))
    line_number = f"{_line_number(connection, structure.line_shifts)} + {skipped}"
    return Source(
        f"select record_number, {line_number} as line_number, * exclude (record_number), "  # noqa: S608  # nosec
        f"{NO_FINDINGS} from (select row_number() over () as record_number, * "
        f"from read_csv({path_literal(readable)}, auto_detect = false, "
        f"header = true, columns = {{{types}}}, delim = {literal(separator)}, quote = '\"', "
        "escape = '\"', strict_mode = true, null_padding = false, ignore_errors = false, "
        "hive_partitioning = false))",
        structure.records - 1,
    )


def _text_slowly(
    reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path
) -> Source:
    layout = reading.layout
    encoding, separator, skipped = layout.encoding, layout.separator, layout.skipped
    with text.open_text(reading.path, encoding) as stream:
        text.skip_lines(stream, skipped)
        records = stage.text_records(
            stream,
            separator,
            reading.keys,
            may_be_damaged=not encoding.is_valid,
            skipped=skipped,
        )
        return _staged(directory, records, len(reading.header))


def _workbook(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    rows = reading.layout.workbook.rows(reading.layout.sheets)
    return _staged(directory, stage.workbook_records(rows, reading.keys), len(reading.header))


def _staged(directory: Path, records: Iterable[stage.StagedRecord], width: int) -> Source:
    path = directory / "stage.parquet"
    written = stage.write_stage(path, records, width)
    return Source(f"from {scan(path)}", written)


def _line_number(connection: duckdb.DuckDBPyConnection, shifts: text.LineShifts) -> str:
    """Write the line on which a record starts as SQL of the record's number."""
    if shifts.records.size == 1:
        return f"record_number + {shifts.shifts[0]}"

    def line_of_record(records: pa.ChunkedArray) -> pa.Array:
        return pa.array(shifts.lines(records.to_numpy()))

    connection.create_function("line_of_record", line_of_record, ["BIGINT"], "BIGINT", type="arrow")
    return "line_of_record(record_number)"
