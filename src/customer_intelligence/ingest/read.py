"""Step 2: a recognised source as numbered rows of text, with the faults of each row.

Each reader turns a reading into a `Source`: a query whose rows have the columns ``record_number``,
``line_number``, ``c0``, ``c1``, …, ``found_reasons``, ``found_raw_record`` and ``date_cell``.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import func

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.engine import MISTAKES
from customer_intelligence.ingest.files import shorten, shown_name, shown_names, unreadable
from customer_intelligence.ingest.formats import stage, structure, text
from customer_intelligence.ingest.formats.parquet import scan
from customer_intelligence.ingest.pseudonyms import same_code_as_sql
from customer_intelligence.ingest.reading import (
    JoinedLayout,
    ParquetLayout,
    Part,
    Reading,
    RelationLayout,
    SheetsLayout,
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
    notes: tuple[str, ...] = ()
    """What a person should know, as predicates of the file."""


Reader = Callable[[Reading, duckdb.DuckDBPyConnection, Path], Source]
"""Takes a connection to register functions with, and a directory for files of its own."""


def readers(reading: Reading) -> list[Reader]:
    """Return the ways to read a source, fastest first; each loses nothing or fails."""
    if isinstance(reading.layout, JoinedLayout):
        return [_joined]
    if isinstance(reading.layout, TextLayout):
        layout = reading.layout
        is_plain = layout.encoding.is_valid and layout.separator in text.SEPARATORS
        is_fast = is_plain and layout.is_quoted
        return [_text_fast, _text_slowly] if is_fast else [_text_slowly]
    return [_parquet if isinstance(reading.layout, ParquetLayout) else _workbook]


def read_relation(reading: Reading) -> Source:
    """Read a relation in place, without a connection and without counting its rows."""
    layout = reading.layout_as(RelationLayout)
    query = _selected(layout.record_number, reading.header, layout.relation, layout.zones)
    return Source(query, None)


def create_source(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make a source the view ``source``."""
    connection.execute(f"create or replace view source as {source.query}")


def _parquet(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    path, layout = reading.file, reading.layout_as(ParquetLayout)
    # Numbers from the file allow several threads, but not beside a column of that name.
    is_numbered = "file_row_number" not in map(str.lower, reading.header)
    number = "file_row_number + 1" if is_numbered else "row_number() over ()"
    return Source(
        _selected(number, layout.names, scan(path, numbered=is_numbered), layout.zones),
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
    path, layout = reading.file, reading.layout_as(TextLayout)
    encoding, separator, skipped = layout.encoding, str(layout.separator), layout.skipped
    width = len(reading.header)
    readable = path
    # DuckDB reads UTF-8, in text and in the names of files.
    is_utf8 = encoding.name in ("utf-8", "utf-8-sig", "ascii")
    if skipped or not is_utf8 or shown_name(path) != path.name:
        readable = directory / "text.csv"
        text.transcode(path, encoding, readable, skipped)
    found = structure.measure_structure(readable, separator, width)
    if not found.is_well_formed:
        raise NotWellFormedError
    types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(width))
    line_number = f"{_line_number(connection, found.line_shifts)} + {skipped}"
    return Source(
        f"select record_number, {line_number} as line_number, * exclude (record_number), "  # noqa: S608  # nosec
        f"{NO_FINDINGS} from (select row_number() over () as record_number, * "
        f"from read_csv({path_literal(readable)}, auto_detect = false, "
        f"header = true, columns = {{{types}}}, delim = {literal(separator)}, quote = '\"', "
        "escape = '\"', strict_mode = true, null_padding = false, ignore_errors = false, "
        "hive_partitioning = false))",
        found.records - 1,
    )


def _text_slowly(
    reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path
) -> Source:
    layout = reading.layout_as(TextLayout)
    encoding, separator, skipped = layout.encoding, layout.separator, layout.skipped
    with text.open_text(reading.file, encoding) as stream:
        text.skip_lines(stream, skipped)
        records = stage.text_records(
            stream,
            separator,
            reading.keys,
            may_be_damaged=not encoding.is_valid,
            skipped=skipped,
            is_quoted=layout.is_quoted,
        )
        return _staged(directory, records, len(reading.header))


def _workbook(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    layout = reading.layout_as(SheetsLayout)
    rows = layout.workbook.rows(layout.sheets)
    return _staged(directory, stage.workbook_records(rows, reading.keys), len(reading.header))


def _staged(directory: Path, records: Iterable[stage.StagedRecord], width: int) -> Source:
    path = directory / "stage.parquet"
    written = stage.write_stage(path, records, width)
    return Source(f"from {scan(path)}", written)


def _joined(reading: Reading, connection: duckdb.DuckDBPyConnection, directory: Path) -> Source:
    """Read each file by its own reader, then join the other files to the lines."""
    layout = reading.layout_as(JoinedLayout)
    parts = layout.parts
    sides = [*(side for part in parts for side in part.matches)]
    sides += [(at, position) for at, part in enumerate(parts) for position in part.key]
    for at, part in enumerate(parts):
        (place := directory / str(at)).mkdir()
        _read_part(part.reading, at, sides, connection, place)
    notes = [note for at in range(1, len(parts)) for note in _check_part(parts, at, connection)]
    # The part of the lines has no partner to be found.
    columns = ", ".join(
        f"part_{part}.c{own} as c{at}" for at, (part, own) in enumerate(layout.columns)
    )
    found = [f"part_{at}.record_number as found_{at}" for at in range(1, len(parts))]
    joins = "\n".join(
        f"left join part_{at} on {_equal(part, at)}" for at, part in enumerate(parts) if at
    )
    reasons = ", ".join(f"part_{at}.found_reasons" for at in range(len(parts)))
    records = ", ".join(f"part_{at}.found_raw_record" for at in range(len(parts)))
    connection.execute(
        f"create or replace temp table joined as select part_0.record_number, "  # noqa: S608  # nosec
        f"part_0.line_number, {columns}, list_distinct(flatten([{reasons}])) as found_reasons, "
        f"coalesce({records}) as found_raw_record, part_{layout.dates}.date_cell, "
        f"{', '.join(found)} from part_0 {joins} order by part_0.record_number"
    )
    notes += [note for at in range(1, len(parts)) for note in _partners(parts, at, connection)]
    ((lines,),) = connection.execute("select count(*) from part_0").fetchall()
    for at in range(len(parts)):
        connection.execute(f"drop table part_{at}")
    outside = ", ".join(f"found_{at}" for at in range(1, len(parts)))
    return Source(f"select * exclude ({outside}) from joined", lines, tuple(notes))  # noqa: S608  # nosec


def _read_part(
    reading: Reading,
    at: int,
    sides: Iterable[tuple[int, int]],
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
) -> None:
    """Make the records of a file a table, by the first of its readers that loses nothing.

    Columns by which files are joined are there again as ``k0``, ``k1``, …, in the form that all
    spellings of a code share, whatever format they came in.
    """
    keys = "".join(
        f", nullif({same_code_as_sql(f'cast(c{position} as varchar)')}, '') as k{position}"
        for part, position in sorted(set(sides))
        if part == at
    )
    failure: Exception = ValueError("there is no way to read it")
    for read in readers(reading):
        try:
            source = read(reading, connection, directory)
            connection.execute(
                f"create or replace temp table part_{at} as select *{keys} from ({source.query})"  # noqa: S608  # nosec
            )
            ((records,),) = connection.execute(f"select count(*) from part_{at}").fetchall()  # noqa: S608  # nosec
        except (NotWellFormedError, duckdb.Error) as error:
            if isinstance(error, (*MISTAKES, duckdb.OutOfMemoryException)):
                raise
            failure = error
            continue
        finally:
            # The next file has lines of its own.
            with contextlib.suppress(duckdb.InvalidInputException):
                connection.remove_function("line_of_record")
        if records == source.records:
            return
        failure = ValueError(f"{source.records:,} records were counted and {records:,} read")
    raise unreadable(reading.file, failure) from failure


def _check_part(
    parts: Sequence[Part], at: int, connection: duckdb.DuckDBPyConnection
) -> Iterator[str]:
    """Refuse a file with a repeated key; note records that cannot be read."""
    part = parts[at]
    key = ", ".join(f"k{position}" for position in part.key)
    is_filled = " and ".join(f"k{position} is not null" for position in part.key)
    repeated = connection.execute(
        f"select {key}, count(*) as records, count(*) over () from part_{at} where {is_filled} "  # noqa: S608  # nosec
        f"group by {key} having records > 1 order by all limit 1"
    ).fetchall()
    if repeated:
        *values, records, keys = repeated[0]
        names = _key_names(part)
        raise CustomerIntelligenceError(
            "E_REPEATED_KEY",
            f"{part.reading.name} has {keys:,} values of {names} on more than one record, such as "
            f"{shown_names(values)} ({records:,} records): lines would count more than once.",
            "Name the column that differs on all records of that file, or several "
            f"(`files: {{{part.name}: {{key: [a, b]}}}}`); the file of the lines comes first.",
        )
    ((unread,),) = connection.execute(
        f"select count(*) from part_{at} where len(found_reasons) > 0"  # noqa: S608  # nosec
    ).fetchall()
    if unread:
        found = _count(unread, "record")
        yield f"is joined with {part.reading.name}, where {found} could not be read"


def _partners(
    parts: Sequence[Part], at: int, connection: duckdb.DuckDBPyConnection
) -> Iterator[str]:
    """Note lines without a partner and records without a line; refuse files without a match."""
    part = parts[at]
    names, file = _key_names(part), part.reading.name
    # What a file before it did not say of a line, it cannot be asked for.
    before = {side for side, _ in part.matches} - {0}
    is_asked = " and ".join(f"found_{side} is not null" for side in sorted(before)) or "true"
    ((asked, alone),) = connection.execute(
        f"select count(*), count(*) filter (found_{at} is null) from joined where {is_asked}"  # noqa: S608  # nosec
    ).fetchall()
    ((records, unused),) = connection.execute(
        f"select count(*), count(*) filter (record_number not in "  # noqa: S608  # nosec
        f"(select found_{at} from joined where found_{at} is not null)) from part_{at}"
    ).fetchall()
    if asked and alone == asked and records:
        raise CustomerIntelligenceError(
            "E_NO_PARTNER",
            f"No line finds its record in {file} by {names}.",
            f"Name the columns that hold the same in both (`files: {{{part.name}: {{key: …, "
            "matches: …}}`), or check that the files are of the same export.",
        )
    if alone:
        yield f"has {_count(alone, 'line')} whose {names} is not in {file}"
    if unused:
        yield f"is joined with {file}, where {_count(unused, 'record')} found no line"


def _equal(part: Part, at: int) -> str:
    return " and ".join(
        f"part_{at}.k{own} = part_{side}.k{position}"
        for own, (side, position) in zip(part.key, part.matches, strict=True)
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _key_names(part: Part) -> str:
    return " and ".join(shorten(part.reading.header[position]) for position in part.key)


def _line_number(connection: duckdb.DuckDBPyConnection, shifts: structure.LineShifts) -> str:
    """Write the line on which a record starts as SQL of the record's number."""
    if shifts.records.size == 1:
        return f"record_number + {shifts.shifts[0]}"

    def line_of_record(records: pa.ChunkedArray) -> pa.Array:
        return pa.array(shifts.lines(records.to_numpy()))

    connection.create_function(
        "line_of_record", line_of_record, ["BIGINT"], "BIGINT", type=func.ARROW
    )
    return "line_of_record(record_number)"
