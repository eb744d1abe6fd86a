"""XLSX workbooks: the sheets that hold the table, and their cells as text.

python-calamine reads the cells. It shows an Excel error (#N/A), and a formula whose result the file
does not hold, as an empty cell; and it takes memory for every cell up to the last one in use, and
for what entities in the XML stand for. So all XML is searched first: for such cells, for entities,
for cells far out, and for what the workbook really inflates to.
"""

import contextlib
import datetime as dt
import html
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

from customer_intelligence.ingest.files import (
    ARCHIVE_ERRORS,
    CHUNK_BYTES,
    XLSX_MAX_BYTES,
    XLSX_MAX_RATIO,
    empty_file,
    unreadable,
    xlsx_bomb,
)
from customer_intelligence.ingest.formats.text import MAX_HEAD, likely_header

_EPOCH = dt.datetime(1899, 12, 30)  # spreadsheet dates have no zone
_DAYS_1904 = 1462
_MAX_SERIAL = 2_958_466  # the day after 9999-12-31
_FIRST_INEXACT = 1e15
_MAX_HEAD_COLUMNS = 1 << 14
_NEAR_COLUMNS = 26  # A to Z, counted as used without a look
_MAX_CELLS = 1 << 26  # 64 columns of as many rows as a sheet can have
_MAX_ROW_BYTES = 1 << 26
_ERROR_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?P<attributes>[^>]*?\bt\s*=\s*["']e["'][^>]*)(?<!/)>"""
    rb"""(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>(?P<error>[^<]*)<""",
    re.DOTALL,
)
_ERROR_TYPE = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\bt\s*=\s*["']e["'][^>]*(?<!/)>""")
_NO_RESULT = re.compile(
    rb"""(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*"""
    rb"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
_FORMULA_CELL = re.compile(
    rb"""(?:\w+:)?c\b(?P<attributes>[^>]*)>\s*<(?:\w+:)?f\b[^>]*>(?P<formula>[^<]*)"""
)
_TEXT_RESULT = re.compile(rb"""\bt\s*=\s*["']str["']""")
_TEXT_ITEM = re.compile(rb"<(?:\w+:)?si\b")
_IS_TEXT = rb"""\bt\s*=\s*["']s["']"""
_OF_TEXT = re.compile(_IS_TEXT)
_TEXT_CELL = re.compile(_IS_TEXT + rb"[^>]*>\s*<(?:\w+:)?v[^>]*>\s*(\d{1,9})\b")
_DISTANT_COLUMN = re.compile(rb"""\br\s*=\s*["']([A-Z]{2,3})\d""")
_ROW_TAG = re.compile(rb"<(?:\w+:)?row\b")
_ROW_REFERENCE = re.compile(rb"""\br\s*=\s*["'][A-Z]{0,3}(\d{1,7})["']""")
# A sheet ends at XFD1048576. python-calamine makes room for whatever else a reference names.
_LAST_ROW = rb"[1-9]\d{0,5}|10[0-3]\d{4}|104[0-7]\d{3}|1048[0-4]\d{2}|10485[0-6]\d|104857[0-6]"
_LAST_COLUMN = rb"[A-Z]{1,2}|[A-W][A-Z]{2}|X[A-E][A-Z]|XF[A-D]"
_IMPOSSIBLE_REFERENCE = re.compile(
    rb"""(?<=\s)r\s*=\s*["'](?!(?:%s)?(?:%s)["'])""" % (_LAST_COLUMN, _LAST_ROW)
)
_QUOTED = re.compile(rb""""[^"]*"|'[^']*'""")
_CELL_REFERENCE = re.compile(rb"""(?<=\s)r\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""")


class Row(NamedTuple):
    """One record of a sheet: cell texts, the date cell if it is a date, fields without a value."""

    number: int
    """Row of the sheet, from 1 as a spreadsheet shows it."""
    fields: list[str]
    date: dt.datetime | None
    errors: tuple[int, ...]


class Table(NamedTuple):
    """The table on a sheet, and how its columns become those of the workbook's first table."""

    sheet: str
    header_row: int
    """Row of the header, from 0."""
    header: Sequence[str]
    dates: int
    """Position of the column whose cells may be dates."""
    used: Set[int]
    """Positions of the columns in which a cell without a value is told."""
    repeated: Set[int]
    """Positions of the columns in which a merged cell stands for all of its rows."""
    order: Sequence[int | None] | None = None
    """Position of each column of the first table; None where both have the same columns."""


@contextlib.contextmanager
def _calamine(path: Path) -> Iterator[None]:
    """Turn what python-calamine raises, a panic of its Rust code too, into a refusal."""
    try:
        yield
    except (CalamineError, *ARCHIVE_ERRORS) as error:
        raise unreadable(path, error) from error
    except BaseException as error:
        # It is no Exception, and the class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise unreadable(path, f"its cells make no sense ({error})") from error


class Workbook:
    """The sheets of a workbook, each with its header.

    Parameters
    ----------
    path : Path
        An .xlsx file whose declared sizes have been checked.
    decimal : str
        Mark with which numbers are written as text.

    Raises
    ------
    CustomerIntelligenceError
        E_UNREADABLE, E_XLSX_BOMB or E_EMPTY_FILE.
    """

    heads: dict[str, list[tuple[int, list[str]]]]
    """Sheet to the rows that may be its header, from 0, the likeliest first; not empty ones."""

    def __init__(self, path: Path, decimal: str = ".") -> None:
        self._path, self._decimal = path, decimal
        with _calamine(path):
            self._errors, self._epoch = _inspect(path)
            book = CalamineWorkbook.from_path(path)
            # Reading a sheet is most of the work, so each is read once and kept.
            self._sheets = {name: book.get_sheet_by_name(name) for name in self._errors}
            heads = {name: self._heads(name) for name in self._sheets}
        self.heads = {name: found for name, found in heads.items() if found}
        if not self.heads:
            raise empty_file(path)

    def _heads(self, name: str) -> list[tuple[int, list[str]]]:
        first_row = (self._sheets[name].start or (0, 0))[0]
        found = []
        for at, cells in enumerate(self._sheets[name].to_python(nrows=MAX_HEAD)):
            header = [self._text(cell) for cell in cells[:_MAX_HEAD_COLUMNS]]
            while header and not header[-1]:
                header.pop()
            if header:
                found.append((first_row + at, header))
        first = likely_header([header for _, header in found])
        return [*found[first : first + 1], *found[:first], *found[first + 1 :]]

    def rows(self, tables: Iterable[Table]) -> Iterator[Row]:
        """Yield the records of tables in order, without empty rows."""
        for table in tables:
            name, width = table.sheet, len(table.header)
            first_column = (self._sheets[name].start or (0, 0))[1]
            merged = self._merged(table, first_column)
            for number, cells in self._cells(name):
                if number <= table.header_row:
                    continue
                fields = [self._text(cell) for cell in cells]
                damaged = {
                    column - first_column: error
                    for column, error in self._errors[name].get(number, {}).items()
                    if column >= first_column
                }
                fields += [""] * (max(damaged, default=-1) + 1 - len(fields))
                for column, error in damaged.items():
                    fields[column] = error
                while len(fields) > width and not fields[-1]:
                    fields.pop()
                has_content = any(fields)
                fields += [""] * (width - len(fields))
                date = self._date(cells[table.dates]) if table.dates < len(cells) else None
                for area in merged:
                    if area.fill(number, fields, date, table.dates) and area.column == table.dates:
                        date = area.date
                if not has_content:
                    continue
                yield _ordered(
                    Row(number + 1, fields, date, tuple(table.used & damaged.keys())), table
                )

    def _merged(self, table: Table, first_column: int) -> list["_Merged"]:
        """Return the columns of a table in which cells are merged, each with its rows."""
        ends: dict[int, dict[int, int]] = {}
        for (top, left), (bottom, _) in self._sheets[table.sheet].merged_cell_ranges or ():
            if bottom > top > table.header_row and left - first_column in table.repeated:
                ends.setdefault(left - first_column, {})[top] = bottom
        return [_Merged(column, rows) for column, rows in ends.items()]

    def _cells(self, name: str) -> Iterator[tuple[int, list[Any]]]:
        """Yield the rows of a sheet, numbered from 0, from the first column in use on."""
        sheet, number = self._sheets[name], -1
        with _calamine(self._path):
            rows = enumerate(sheet.iter_rows())
        while True:
            with _calamine(self._path):
                found = next(rows, None)
            if found is None:
                break
            number, row = found
            yield number, row[len(row) - sheet.width :]
        # Rows of nothing but cells without a value are not in use.
        for below in sorted(self._errors[name]):
            if below > number:
                yield below, []

    def _text(self, cell: Any) -> str:
        if isinstance(cell, str):
            return cell
        if isinstance(cell, bool):
            return str(cell).upper()
        if isinstance(cell, float | int):
            if abs(cell) >= _FIRST_INEXACT:
                # As the spreadsheet shows it: 15 digits are all that it keeps of a number.
                return f"{cell:.15g}".replace(".", self._decimal)
            is_whole = cell == int(cell)
            # A number has no decimal mark of its own: it is written with the configured one.
            return str(int(cell)) if is_whole else repr(cell).replace(".", self._decimal)
        return str(cell)

    def _date(self, cell: Any) -> dt.datetime | None:
        if isinstance(cell, dt.datetime):
            return cell
        if isinstance(cell, dt.date):
            return dt.datetime.combine(cell, dt.time())
        if isinstance(cell, float | int) and not isinstance(cell, bool) and 1 <= cell < _MAX_SERIAL:
            # A binary fraction of a day is off by microseconds: milliseconds are exact enough.
            return self._epoch + dt.timedelta(milliseconds=round(cell * 86_400_000))
        return None


class _Merged:
    """A column with merged cells: the value of an area stands in its first row."""

    def __init__(self, column: int, ends: dict[int, int]) -> None:
        self.column, self._ends = column, ends
        self._text, self._until = "", -1
        self.date: dt.datetime | None = None

    def fill(self, row: int, fields: list[str], date: dt.datetime | None, dates: int) -> bool:
        """Fill in the value of a row's merged area; return whether the row had no own value."""
        if row in self._ends:
            self._text, self._until = fields[self.column], self._ends[row]
            self.date = date if self.column == dates else None
            return False
        if row > self._until or fields[self.column]:
            return False
        fields[self.column] = self._text
        return True


def _ordered(row: Row, table: Table) -> Row:
    """Bring the columns of another table of the workbook into the order of the first one."""
    if table.order is None:
        return row
    if len(row.fields) > len(table.header):
        return row._replace(fields=[*row.fields, *[""] * (len(table.order) + 1)])
    fields = ["" if at is None else row.fields[at] for at in table.order]
    errors = tuple(at for at, own in enumerate(table.order) if own in row.errors)
    return row._replace(fields=fields, errors=errors)


def _inspect(path: Path) -> tuple[dict[str, dict[int, dict[int, str]]], dt.datetime]:
    """Inflate the workbook once, and refuse it or collect the cells without a value.

    Returns
    -------
    errors : dict
        Sheet name to 0-based row to 0-based column to the error, or the formula, of the cell.
    epoch : datetime
        Day 0 of the workbook's serial dates.
    """
    limit = min(XLSX_MAX_BYTES, XLSX_MAX_RATIO * path.stat().st_size)
    inflated = 0
    with zipfile.ZipFile(path) as archive:
        # Of two members with one name, one reader takes the first and another the last.
        names = [name.casefold() for name in archive.namelist()]
        if len(set(names)) < len(names):
            raise ValueError("it holds two parts with one name")
        workbook = archive.read("xl/workbook.xml")
        _refuse_entities(path, workbook)
        parts = _sheet_parts(workbook, archive)
        scans = {part: _SheetScan() for part in parts.values()}
        for part in archive.namelist():
            if not part.endswith((".xml", ".rels")):
                continue
            scan, tail = scans.get(part), b""
            with archive.open(part) as file:
                while chunk := file.read(CHUNK_BYTES):
                    inflated += len(chunk)
                    if inflated > limit:
                        raise xlsx_bomb(path, f"would inflate to more than {limit:,} bytes")
                    if b"\0" in chunk:
                        raise ValueError(f"{part} is not written in UTF-8")
                    _refuse_entities(path, tail + chunk)
                    tail = chunk[-len("<!DOCTYPE") :]
                    if scan is not None:
                        scan.read(chunk)
            if scan is not None:
                scan.finish()
                if scan.cells > _MAX_CELLS:
                    raise xlsx_bomb(path, f"has a sheet of {scan.cells:,} cells, used or not")
        cells_of_text = sum(scan.cells_of_text for scan in scans.values())
        _check_texts(path, archive, parts.values(), cells_of_text)
    is_1904 = re.search(rb"""date1904\s*=\s*["'](1|true)["']""", workbook) is not None
    errors = {name: scans[part].errors for name, part in parts.items()}
    return errors, _EPOCH + dt.timedelta(days=_DAYS_1904 if is_1904 else 0)


def _check_texts(
    path: Path, archive: zipfile.ZipFile, sheets: Iterable[str], cells_of_text: int
) -> None:
    """Refuse a workbook whose shared texts, repeated in cell after cell, are too many bytes."""
    part = next((name for name in archive.namelist() if name.endswith("/sharedStrings.xml")), None)
    if part is None:
        return
    sizes = [len(text) for text in _TEXT_ITEM.split(archive.read(part))[1:]]
    if max(sizes, default=0) * cells_of_text <= XLSX_MAX_BYTES:
        return
    taken = 0
    for sheet in sheets:
        uses = Counter(_TEXT_CELL.findall(archive.read(sheet)))
        taken += sum(sizes[int(at)] * count for at, count in uses.items() if int(at) < len(sizes))
    if taken > XLSX_MAX_BYTES:
        raise xlsx_bomb(path, f"repeats its texts up to {taken:,} bytes")


def _refuse_entities(path: Path, xml: bytes) -> None:
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise xlsx_bomb(path, "declares entities in its XML")


class _SheetScan:
    """What is found while the XML of a sheet is streamed."""

    def __init__(self) -> None:
        self.errors: dict[int, dict[int, str]] = {}
        self._rest = b""
        self._columns = _NEAR_COLUMNS
        self._rows = 0
        self._unnamed_rows = 0
        self.cells_of_text = 0

    @property
    def cells(self) -> int:
        """Cells up to the last column and row in use."""
        return self._columns * self._rows

    def read(self, chunk: bytes) -> None:
        """Read the next block; text after the last complete row waits for the next one."""
        xml = self._rest + chunk
        boundary = max(xml.rfind(b"</row>"), xml.rfind(b":row>"), 0)
        complete, self._rest = xml[:boundary], xml[boundary:]
        if len(self._rest) > _MAX_ROW_BYTES:
            raise ValueError(f"a row takes more than {_MAX_ROW_BYTES:,} bytes")
        self._find(complete)

    def finish(self) -> None:
        """Read the text after the last complete row."""
        self._find(self._rest)
        self._rest = b""

    def _find(self, complete: bytes) -> None:
        self._measure(complete)
        if b't="e"' in complete or b"t='e'" in complete:
            found = list(_ERROR_CELL.finditer(complete))
            for match in found:
                self._add(match["attributes"], match["error"].decode())
            if len(found) != len(_ERROR_TYPE.findall(complete)):
                raise ValueError("a cell with an Excel error cannot be located")
        for match in _NO_RESULT.finditer(complete):
            start = max(complete.rfind(mark, 0, match.start()) for mark in (b"<c ", b":c "))
            cell = _FORMULA_CELL.match(complete, start + 1)
            if cell is None:
                raise ValueError("a formula without a result cannot be located")
            # An empty text is a result.
            if not _TEXT_RESULT.search(cell["attributes"]):
                self._add(cell["attributes"], "=" + (cell["formula"] or b"").decode())

    def _measure(self, xml: bytes) -> None:
        for match in _IMPOSSIBLE_REFERENCE.finditer(xml):
            start = xml.rfind(b"<", 0, match.start())
            # Within a tag, and not in a text that only looks like one.
            if b">" not in _QUOTED.sub(b"", xml[start : match.start()]):
                raise ValueError("a reference to a cell lies outside of the sheet")
        self.cells_of_text += len(_OF_TEXT.findall(xml))
        # Cells and rows without a reference follow each other.
        self._unnamed_rows += len(_ROW_TAG.findall(xml))
        in_a_row = max(part.count(b"<c") + part.count(b":c") for part in xml.split(b"row>"))
        distant = [_column_number(letters) for letters in set(_DISTANT_COLUMN.findall(xml))]
        self._columns = max([self._columns, in_a_row, *distant])
        rows = map(int, set(_ROW_REFERENCE.findall(xml)))
        self._rows = max([self._rows, self._unnamed_rows, *rows])

    def _add(self, attributes: bytes, shown: str) -> None:
        reference = _CELL_REFERENCE.search(attributes)
        if reference is None:
            raise ValueError("a cell without a value cannot be located")
        row, column = int(reference[2]) - 1, _column_number(reference[1]) - 1
        self.errors.setdefault(row, {})[column] = html.unescape(shown)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _sheet_parts(workbook: bytes, archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the archive member of every worksheet by sheet name."""
    relations = archive.read("xl/_rels/workbook.xml.rels").decode()
    targets = {}
    for tag in re.findall(r"<(?:\w+:)?Relationship\s[^>]*>", relations):
        attributes = _attributes(tag)
        target = attributes.get("Target", "")
        targets[attributes.get("Id")] = (
            target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
        )
    parts, members = {}, set(archive.namelist())
    for tag in re.findall(r"<(?:\w+:)?sheet\s[^>]*>", workbook.decode()):
        attributes = _attributes(tag)
        relation = next((value for key, value in attributes.items() if key.endswith(":id")), None)
        part = targets.get(relation)
        if part not in members:
            raise ValueError(f"the sheet {attributes['name']} is missing")
        if "/worksheets/" in part:
            parts[attributes["name"]] = part
    return parts


def _attributes(tag: str) -> dict[str, str]:
    pairs: Sequence[tuple[str, str, str]] = re.findall(r"""([\w:]+)\s*=\s*(["'])(.*?)\2""", tag)
    return {key: html.unescape(value) for key, _, value in pairs}
