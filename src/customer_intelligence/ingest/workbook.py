"""XLSX workbooks: the sheets that hold the table, and their cells as text.

python-calamine reads the cells; it shows an Excel error (#N/A) as an empty cell. So the sheets' XML
is searched for error cells first, which also measures what the workbook really inflates to.
"""

import datetime as dt
import html
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.files import (
    CHUNK_BYTES,
    XLSX_MAX_BYTES,
    XLSX_MAX_RATIO,
    empty_file,
    unreadable,
    xlsx_bomb,
)
from customer_intelligence.ingest.mapping import SourceMapping, resolve_columns

_EPOCH = dt.datetime(1899, 12, 30)  # spreadsheet dates have no zone
_DAYS_1904 = 1462
_MAX_SERIAL = 2_958_466  # the day after 9999-12-31
_ERROR_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?P<attributes>[^>]*?\bt\s*=\s*["']e["'][^>]*)(?<!/)>"""
    rb"""(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>(?P<error>[^<]*)<""",
    re.DOTALL,
)
_ERROR_TYPE = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\bt\s*=\s*["']e["'][^>]*(?<!/)>""")
_CELL_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""")


class Row(NamedTuple):
    """One record of a sheet: cell texts, the date cell if it is a date, columns with an error."""

    fields: list[str]
    date: dt.datetime | None
    errors: tuple[int, ...]


class Workbook:
    """The table of a workbook: its header and its records, over all sheets with that header.

    Parameters
    ----------
    path : Path
        An .xlsx file whose declared sizes have been checked.
    mapping : SourceMapping
        Column names; the decimal mark is used to write numbers as text.

    Raises
    ------
    CustomerIntelligenceError
        E_UNREADABLE, E_XLSX_BOMB, E_EMPTY_FILE, or the refusal of `resolve_columns` for the
        first sheet that holds anything.
    """

    def __init__(self, path: Path, mapping: SourceMapping) -> None:
        self._decimal = mapping.decimal
        try:
            self._errors, self._epoch = _inspect(path)
            book = CalamineWorkbook.from_path(path)
            # Reading a sheet is most of the work, so each is read once and kept.
            self._sheets = {name: book.get_sheet_by_name(name) for name in self._errors}
            headers = {name: self._header(name) for name in self._sheets}
        except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
            raise unreadable(path, error) from error
        headers = {name: header for name, header in headers.items() if header}
        if not headers:
            raise empty_file(path)
        self.header, self.columns = _first_table(headers, mapping, path.name)
        self.sheets = [name for name, header in headers.items() if header == self.header]
        self.other_sheets = [name for name in headers if name not in self.sheets]

    def _header(self, name: str) -> list[str]:
        rows = self._sheets[name].to_python(nrows=1)
        header = [self._text(cell) for cell in rows[0]] if rows else []
        while header and not header[-1]:
            header.pop()
        return header

    def rows(self) -> Iterator[Row]:
        """Yield the records of all sheets in order; rows without any content are no records."""
        date_column = self.columns["invoice_date"]
        width = len(self.header)
        for name in self.sheets:
            sheet = self._sheets[name]
            first_row, first_column = sheet.start or (0, 0)
            errors = self._errors[name]
            # The rows start at the top of the sheet, their cells at the first column in use.
            for number, row in enumerate(sheet.iter_rows()):
                if number <= first_row:
                    continue
                cells = row[len(row) - sheet.width :]
                fields = [self._text(cell) for cell in cells]
                damaged = errors.get(number, {})
                for column, error in damaged.items():
                    fields[column - first_column] = error
                while len(fields) > width and not fields[-1]:
                    fields.pop()
                if not any(fields):
                    continue
                fields += [""] * (width - len(fields))
                yield Row(
                    fields,
                    self._date(cells[date_column]) if date_column < len(cells) else None,
                    tuple(column - first_column for column in damaged),
                )

    def _text(self, cell: Any) -> str:
        if isinstance(cell, str):
            return cell
        if isinstance(cell, bool):
            return str(cell).upper()
        if isinstance(cell, float | int):
            is_whole = cell == int(cell) and abs(cell) < 1e15
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


def _first_table(
    headers: Mapping[str, list[str]], mapping: SourceMapping, name: str
) -> tuple[list[str], dict[str, int]]:
    refusals = []
    for header in headers.values():
        try:
            return header, resolve_columns(header, mapping, name)
        except CustomerIntelligenceError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _inspect(path: Path) -> tuple[dict[str, dict[int, dict[int, str]]], dt.datetime]:
    """Inflate the sheets once, counting bytes and collecting error cells.

    Returns
    -------
    errors : dict
        Sheet name to 0-based row to 0-based column to the error's text.
    epoch : datetime
        Day 0 of the workbook's serial dates.
    """
    limit = min(XLSX_MAX_BYTES, XLSX_MAX_RATIO * path.stat().st_size)
    inflated = 0
    with zipfile.ZipFile(path) as archive:
        workbook = archive.read("xl/workbook.xml")
        parts = _sheet_parts(workbook, archive)
        errors: dict[str, dict[int, dict[int, str]]] = {}
        for name, part in parts.items():
            errors[name] = {}
            tail = b""
            with archive.open(part) as file:
                while chunk := file.read(CHUNK_BYTES):
                    inflated += len(chunk)
                    if inflated > limit:
                        raise xlsx_bomb(path, inflated)
                    tail = _collect_errors(tail + chunk, errors[name])
    is_1904 = re.search(rb"""date1904\s*=\s*["'](1|true)["']""", workbook) is not None
    return errors, _EPOCH + dt.timedelta(days=_DAYS_1904 if is_1904 else 0)


def _collect_errors(xml: bytes, errors: dict[int, dict[int, str]]) -> bytes:
    """Add the error cells of a piece of sheet XML and return its unfinished last row."""
    boundary = max(xml.rfind(b"</row>"), xml.rfind(b":row>"))
    complete, rest = (xml[:boundary], xml[boundary:]) if boundary > 0 else (b"", xml)
    if b't="e"' in complete or b"t='e'" in complete:
        found = 0
        for match in _ERROR_CELL.finditer(complete):
            reference = _CELL_REFERENCE.search(match["attributes"])
            if reference is None:
                break
            row, column = int(reference[2]) - 1, _column_number(reference[1])
            errors.setdefault(row, {})[column] = html.unescape(match["error"].decode())
            found += 1
        if found != len(_ERROR_TYPE.findall(complete)):
            raise ValueError("a cell with an Excel error cannot be located")
    return rest


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


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
    parts = {}
    for tag in re.findall(r"<(?:\w+:)?sheet\s[^>]*>", workbook.decode()):
        attributes = _attributes(tag)
        relation = next((value for key, value in attributes.items() if key.endswith(":id")), None)
        if targets.get(relation) in archive.namelist():
            parts[attributes["name"]] = targets[relation]
    return parts


def _attributes(tag: str) -> dict[str, str]:
    pairs: Sequence[tuple[str, str, str]] = re.findall(r"""([\w:]+)\s*=\s*(["'])(.*?)\2""", tag)
    return {key: html.unescape(value) for key, _, value in pairs}
