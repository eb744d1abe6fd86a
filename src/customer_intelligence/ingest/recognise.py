"""Step 1: the kind of a file, its columns, and which column is which field."""

import contextlib
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from pyarrow import ArrowException

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.columns import (
    MAX_COLUMNS,
    Columns,
    names_fields,
    normalise,
    resolve_columns,
    without_absent,
)
from customer_intelligence.ingest.engine import connect
from customer_intelligence.ingest.files import (
    XLSX_MAX_BYTES,
    check_regular_file,
    detect_format,
    is_directory,
    shorten,
    shown_names,
    unreadable,
)
from customer_intelligence.ingest.formats import text
from customer_intelligence.ingest.formats.parquet import check_expansion, scan
from customer_intelligence.ingest.formats.workbook import Table, Workbook
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.names import points
from customer_intelligence.ingest.presets import matching_preset, preset, preset_names
from customer_intelligence.ingest.reading import ParquetLayout, Reading, SheetsLayout, TextLayout
from customer_intelligence.ingest.together import (
    find_lines,
    join,
    read_joined_header,
    without_unused,
)

SHOWN_SHEETS = 1_000
# A sheet whose names speak of most of them is taken for the table; so many points are a word.
FIELDS_OF_A_SALE = (
    *("invoice_no", "invoice_date", "customer_id", "stock_code", "quantity"),
    *("unit_price", "line_amount"),
)
PROPOSED = 5
# So many numbers, dates and addresses, half of a line at least, are no names of columns.
FEWEST_VALUES = 2
_VALUE = re.compile(
    r"[-+]?\d[\d.,]*|\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?|[^@\s]+@[^@\s]+\.[^@\s]+"
)
# With so few columns, blanks may be what divides them.
NARROW = 2


def recognise(path: Path, mapping: SourceMapping | None = None, *, whole: bool = False) -> Reading:
    """Find out how to read a file, or files that belong together.

    Parameters
    ----------
    path : Path
        The file, or the directory of the files.
    mapping : SourceMapping, optional
        What a person stated about it. Without one, the preset with this header is used, if there
        is one.

    whole : bool
        Whether to keep what further files say beyond the fields.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    if mapping is not None:
        return _recognise(path, mapping, whole=whole)
    if is_directory(path):
        known = known_preset(path)
        if known is not None:
            return _by_preset(path, known)
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
    return _by_preset(path, name)


def _by_preset(path: Path, name: str) -> Reading:
    reading = _recognise(path, preset(name))
    note = f"has the header of the preset {name}, and is read so"
    return dataclasses.replace(reading, notes=(*reading.notes, note))


def known_preset(path: Path) -> str | None:
    """Return the name of the preset that knows a file, or a directory of files, by its header.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused; E_NOT_A_FILE for a directory that no preset knows.
    """
    of_several = [name for name in preset_names() if is_directory(path) and preset(name).files]
    for name in of_several:
        with contextlib.suppress(CustomerIntelligenceError):
            if matching_preset(read_header(find_lines(path, preset(name)))) == name:
                return name
    check_regular_file(path)
    return matching_preset(read_header(path))


def read_header(path: Path, files: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """Return the names of the columns, of all files that belong together.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    if files:
        return read_joined_header(path, SourceMapping(files=files), _one)
    kind = detect_format(path)
    try:
        if kind == "parquet":
            return list(pq.read_schema(path).names)
        if kind == "xlsx":
            heads = [found[0][1] for found in Workbook(path).heads.values()]
            return heads[_by_fields(heads)[0]]
        tables = _text_tables(path, text.detect_encoding(path, None), None)
        return max((heads[0].names for _, heads in tables), key=len)
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error


def _recognise(path: Path, mapping: SourceMapping, *, whole: bool = False) -> Reading:
    reading = join(path, mapping, _one) if mapping.files else _one(path, mapping)
    used = reading.columns.used | getattr(reading.layout, "links", frozenset())
    unused = [at for at in range(len(reading.header)) if at not in used]
    if not unused:
        return reading
    names = [reading.header[at] for at in unused]
    note = f"has columns that are not used: {shown_names(names)}"
    reading = dataclasses.replace(reading, notes=(*reading.notes, note))
    return without_unused(reading) if mapping.files and not whole else reading


def _one(path: Path, mapping: SourceMapping) -> Reading:
    status = check_regular_file(path)
    recognised = {"parquet": _parquet, "xlsx": _workbook, "csv": _text}[detect_format(path)]
    try:
        reading = recognised(path, mapping)
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error
    return dataclasses.replace(reading, status=status)


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
    tables = _text_tables(path, encoding, mapping.header_row)
    heads = [(separator, head) for separator, found in tables for head in found]
    # Where no separator gives the fields, the one that cuts the header most says what is missing.
    likeliest = [(separator, found[0]) for separator, found in tables]
    names = [head.names for _, head in likeliest]
    try:
        at, columns = _first_table(names, mapping, path.name, by_width=True)
        separator, head = likeliest[at]
    except CustomerIntelligenceError:
        named = [(sign, head) for sign, head in heads if names_fields(head.names, mapping)]
        if not named:
            raise
        at, columns = _first_table([head.names for _, head in named], mapping, path.name)
        separator, head = named[at]
    notes = [encoding.note] if encoding.note else []
    if head.skipped and mapping.header_row is None:
        notes.append(f"has its header on line {head.skipped + 1}; what is above it is not read")
    header = tuple(head.names)
    return Reading(
        path.name,
        header,
        ("VARCHAR",) * len(header),
        columns,
        mapping,
        TextLayout(encoding, separator, head.skipped, mapping.quotes),
        path,
        path.stat().st_size,
        tuple(notes),
    )


def _text_tables(
    path: Path, encoding: text.Encoding, header_row: int | None
) -> list[tuple[text.Separator, list[text.Head]]]:
    """Return the ways to split a text, each with the records that may be its header."""
    separators: list[text.Separator] = list(text.SEPARATORS)
    tables = [
        (separator, text.read_heads(path, encoding, separator, header_row))
        for separator in separators
    ]
    if max(len(heads[0].names) for _, heads in tables) <= NARROW:
        blanks = text.blank_separator(path, encoding)
        if blanks is not None:
            tables.append((blanks, text.read_heads(path, encoding, blanks, header_row)))
    return tables


def _workbook(path: Path, mapping: SourceMapping) -> Reading:
    workbook = Workbook(path, mapping.decimal)
    names = _sheets(workbook, mapping, path.name)
    heads = {name: _sheet_heads(workbook, name, mapping) for name in names}
    # A summary or a list of customers may stand before the sales.
    ranked = [names[at] for at in _by_fields([heads[name][0][1] for name in names])]
    sheets = [f"{path.name}, sheet {shorten(name)}" for name in ranked]
    titles = sheets if len(names) > 1 else path.name
    at, columns = _first_table([heads[name][0][1] for name in ranked], mapping, titles)
    first = ranked[at]
    main = heads[first][0][1]
    tables, others = [], []
    for name in names:
        row, header = heads[name][0]
        if header != main and mapping.files:
            # One of several files is joined by a column that other tables of it may have too.
            others.append(name)
            continue
        try:
            own = columns
            if header != main:
                own = _other_columns(header, mapping, columns, path.name)
        except CustomerIntelligenceError as refusal:
            if _resembles([header for _, header in heads[name]], main, columns):
                raise CustomerIntelligenceError(
                    "E_OTHER_SHEET",
                    f"The sheet {shorten(name)} of {path.name} has some of the columns of "
                    f"{shorten(first)}, and cannot be read: {refusal.what}",
                    f"Name its columns as on {shorten(first)}, or move it to another file.",
                ) from refusal
            others.append(name)
            continue
        order = None if header == main else _order(main, columns, header, own)
        amounts = own.firsts("quantity", "unit_price", "line_amount")
        formulas = [*own.derived.values(), *filter(None, [own.order_amount])]
        amounts |= {at for formula in formulas for at in formula.positions.values()}
        dates = own.positions["invoice_date"][0]
        tables.append(Table(name, row, header, dates, own.used, own.used - amounts, order))
    notes = []
    if tables[0].header_row > 0 and mapping.header_row is None:
        notes.append(f"has its header on row {tables[0].header_row + 1}")
    if len(tables) > 1:
        of_sheets = _listed([table.sheet for table in tables])
        notes.append(f"has the table on several sheets: {of_sheets}")
    if others:
        notes.append(f"has sheets with another header, not read: {_listed(others)}")
    return Reading(
        path.name,
        tuple(main),
        ("VARCHAR",) * len(main),
        columns,
        mapping,
        SheetsLayout(workbook, tables),
        path,
        XLSX_MAX_BYTES,
        tuple(notes),
    )


def _sheets(workbook: Workbook, mapping: SourceMapping, name: str) -> list[str]:
    """Return the sheets to look at: the one that the mapping names, or all."""
    if mapping.sheet is None:
        return list(workbook.heads)
    if mapping.sheet not in workbook.heads:
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"{name} has no sheet {shorten(mapping.sheet)!r} with anything on it, as the mapping "
            f"says. Found: {shown_names(list(workbook.heads))}.",
            "Write the name as it stands on the sheet's tab.",
        )
    return [mapping.sheet]


def _other_columns(
    header: Sequence[str], mapping: SourceMapping, columns: Columns, name: str
) -> Columns:
    """Find the fields of the first sheet on another one, where known names may stand for others."""
    names = {normalise(column) for column in header}
    there = without_absent(header, mapping)
    said = {
        field: column
        for field, column in there.columns.items()
        if names.issuperset(map(normalise, [column] if isinstance(column, str) else column))
    }
    own = resolve_columns(header, dataclasses.replace(there, columns=said, optional=()), name)
    if lost := sorted(columns.positions.keys() - own.positions.keys()):
        raise CustomerIntelligenceError(
            "E_MISSING_COLUMNS", f"It has no column for {', '.join(lost)}.", "Add it."
        )
    return own


def _sheet_heads(
    workbook: Workbook, name: str, mapping: SourceMapping
) -> list[tuple[int, list[str]]]:
    """Return the rows that may be the header of a sheet, first the one that names the fields."""
    heads = workbook.heads[name]
    if mapping.header_row is not None:
        return [head for head in heads if head[0] == mapping.header_row - 1] or heads
    named = [head for head in heads if names_fields(head[1], mapping)]
    return [*named[:1], *heads]


def _resembles(heads: Sequence[Sequence[str]], main: Sequence[str], columns: Columns) -> bool:
    """Return whether a sheet has at least half of the columns that are read from the first one."""
    wanted = {normalise(main[at]) for at in columns.used}
    shared = (len(wanted & {normalise(name) for name in head[:MAX_COLUMNS]}) for head in heads[:2])
    return max(shared, default=0) * 2 >= len(wanted)


def _order(
    main: Sequence[str], columns: Columns, header: Sequence[str], own: Columns
) -> list[int | None]:
    """Return the position of each column of the first sheet on another sheet."""
    order: list[int | None] = [
        next((at for at, name in enumerate(header) if normalise(name) == normalise(wanted)), None)
        for wanted in main
    ]
    for field, positions in columns.positions.items():
        for position, at in zip(positions, own.positions.get(field, ()), strict=False):
            order[position] = at
    return order


def _listed(sheets: Sequence[str]) -> str:
    return shorten(", ".join(map(shorten, sheets)), SHOWN_SHEETS)


def _by_fields(headers: Sequence[Sequence[str]]) -> list[int]:
    """Return the positions of headers, first those that name most fields of a sale."""

    def speaks(field: str, header: Sequence[str]) -> bool:
        return any(points(field, name) >= PROPOSED for name in header[:MAX_COLUMNS])

    found = [sum(speaks(field, header) for field in FIELDS_OF_A_SALE) for header in headers]
    return sorted(range(len(headers)), key=lambda at: -found[at])


def _first_table(
    headers: Sequence[Sequence[str]],
    mapping: SourceMapping,
    titles: str | Sequence[str],
    *,
    by_width: bool = False,
) -> tuple[int, Columns]:
    """Return the first header in which all fields are found, by its position."""
    refusals = []
    for at, header in enumerate(headers):
        name = titles if isinstance(titles, str) else titles[at]
        try:
            columns = resolve_columns(header, mapping, name)
        except CustomerIntelligenceError as refusal:
            if refusal.code == "E_TOO_WIDE":
                raise
            refusals.append((len(header) if by_width else 0, name, header, refusal))
        else:
            _check_names(header, name)
            return at, columns
    _, name, header, likeliest = max(refusals, key=lambda found: found[0])
    _check_names(header, name)
    raise likeliest


def _check_names(header: Sequence[str], name: str) -> None:
    """Refuse a first row of values in place of a header: the first sale would be lost."""
    cells = [cell.strip() for cell in header if cell.strip()]
    values = [cell for cell in cells if _VALUE.fullmatch(cell)]
    if len(values) >= FEWEST_VALUES and 2 * len(values) >= len(cells):
        raise CustomerIntelligenceError(
            "E_NO_HEADER",
            f"{name} has values where the names of its columns should stand: "
            f"{shown_names(header)}.",
            "Write a line of names above them, divided as the values are; `header_row: 1` in "
            "mapping.yml says on which line it stands.",
        )
