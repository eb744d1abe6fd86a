"""First room: what kind of file this is, what its columns are, and which of them is which field."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from pyarrow import ArrowException

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.columns import Columns, resolve_columns
from customer_intelligence.ingest.engine import connect
from customer_intelligence.ingest.files import (
    XLSX_MAX_BYTES,
    detect_format,
    shorten,
    shown_names,
    unreadable,
)
from customer_intelligence.ingest.formats import text
from customer_intelligence.ingest.formats.parquet import check_expansion, scan
from customer_intelligence.ingest.formats.workbook import Workbook
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.presets import matching_preset, preset
from customer_intelligence.ingest.reading import ParquetLayout, Reading, SheetsLayout, TextLayout

SHOWN_SHEETS = 1_000


def recognise(path: Path, mapping: SourceMapping | None = None) -> Reading:
    """Find out how to read a file that `check_regular_file` allows.

    Parameters
    ----------
    path : Path
        The file.
    mapping : SourceMapping, optional
        What a person said of it. Without one, a preset is taken where the header is that of the
        preset.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    if mapping is not None:
        return _recognise(path, mapping)
    try:
        reading = _recognise(path, SourceMapping())
    except CustomerIntelligenceError as refusal:
        name = matching_preset(read_header(path)) if refusal.code == "E_MISSING_COLUMNS" else None
        if name is None:
            raise
    else:
        # Its columns are known by their names: a preset tells what the shop means by them.
        name = matching_preset(reading.header)
        if name is None:
            return reading
    reading = _recognise(path, preset(name))
    note = f"has the header of the preset {name}, and is read so"
    return dataclasses.replace(reading, notes=(*reading.notes, note))


def read_header(path: Path) -> list[str]:
    """Return the names of the columns, whatever they mean.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    kind = detect_format(path)
    try:
        if kind == "parquet":
            return list(pq.read_schema(path).names)
        if kind == "xlsx":
            return next(iter(Workbook(path).headers.values()))
        return text.widest_header(path, text.detect_encoding(path, None))
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error


def _recognise(path: Path, mapping: SourceMapping) -> Reading:
    recognised = {"parquet": _parquet, "xlsx": _workbook, "csv": _text}[detect_format(path)]
    try:
        reading = recognised(path, mapping)
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error
    unused = [at for at in range(len(reading.header)) if at not in reading.columns.used]
    if not unused:
        return reading
    names = [reading.header[at] for at in unused]
    note = f"has columns that are not used: {shown_names(names)}"
    return dataclasses.replace(reading, notes=(*reading.notes, note))


def _parquet(path: Path, mapping: SourceMapping) -> Reading:
    header = tuple(pq.read_schema(path).names)
    if any("\0" in name for name in header):
        raise unreadable(path, "the name of a column holds a NUL")
    columns = resolve_columns(header, mapping, path.name)
    with connect() as connection:
        try:
            described = connection.execute(f"describe select * from {scan(path)}").fetchall()  # noqa: S608  # nosec
            expanded = check_expansion(path, connection)
        except (duckdb.Error, UnicodeEncodeError) as error:
            raise unreadable(path, error) from error
    names, types = zip(*[row[:2] for row in described], strict=True)
    # DuckDB knows an instant; whose clock showed it, the writer's own schema says.
    kinds = pq.read_schema(path).types
    zones = {
        at: (None if mapping.timezone else getattr(kinds[at], "tz", None)) or "UTC"
        for at, kind in enumerate(types)
        if "WITH TIME ZONE" in kind
    }
    types = tuple("TIMESTAMP" if at in zones else kind for at, kind in enumerate(types))
    return Reading(
        path.name,
        header,
        types,
        columns,
        mapping,
        ParquetLayout(names, zones),
        path,
        expanded,
    )


def _text(path: Path, mapping: SourceMapping) -> Reading:
    encoding = text.detect_encoding(path, mapping.encoding)
    headers = [text.read_header(path, encoding, separator) for separator in text.SEPARATORS]
    # Where no separator gives the fields, the one that cuts the header most says what is missing.
    at, columns = _first_table(headers, mapping, path.name, by_width=True)
    header = tuple(headers[at])
    return Reading(
        path.name,
        header,
        ("VARCHAR",) * len(header),
        columns,
        mapping,
        TextLayout(encoding, text.SEPARATORS[at]),
        path,
        path.stat().st_size,
        (encoding.note,) if encoding.note else (),
    )


def _workbook(path: Path, mapping: SourceMapping) -> Reading:
    workbook = Workbook(path, mapping.decimal)
    names = list(workbook.headers)
    at, columns = _first_table(list(workbook.headers.values()), mapping, path.name)
    header = workbook.headers[names[at]]
    sheets = [name for name in names if workbook.headers[name] == header]
    others = [name for name in names if name not in sheets]
    notes = []
    if len(sheets) > 1:
        notes.append(f"has the table on several sheets: {_listed(sheets)}")
    if others:
        notes.append(f"has sheets with another header, not read: {_listed(others)}")
    return Reading(
        path.name,
        tuple(header),
        ("VARCHAR",) * len(header),
        columns,
        mapping,
        SheetsLayout(workbook, sheets),
        path,
        XLSX_MAX_BYTES,
        tuple(notes),
    )


def _listed(sheets: Sequence[str]) -> str:
    return shorten(", ".join(map(shorten, sheets)), SHOWN_SHEETS)


def _first_table(
    headers: Sequence[Sequence[str]], mapping: SourceMapping, name: str, *, by_width: bool = False
) -> tuple[int, Columns]:
    """Return the first header in which all fields are found, by its position."""
    refusals = []
    for at, header in enumerate(headers):
        try:
            return at, resolve_columns(header, mapping, name)
        except CustomerIntelligenceError as refusal:
            if refusal.code == "E_TOO_WIDE":
                raise
            refusals.append((len(header) if by_width else 0, refusal))
    raise max(refusals, key=lambda refusal: refusal[0])[1]
