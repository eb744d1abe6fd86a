"""Workbooks as people make them, damage them, and as someone may craft them."""

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from corpus.case import FIRST, HEADER, LINES, SECOND, Case, Content, Line, Quarantined, bytes_case

Cells = Sequence[object]
SHEET = "xl/worksheets/sheet1.xml"
TEXTS = "xl/sharedStrings.xml"
NAMESPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006"
BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 10) for name in b"bcdefghij")
    + b"]>"
)


def cells(line: Line, **changes: object) -> list[object]:
    """Return a line as a spreadsheet holds it: numbers as numbers, dates as dates."""
    values = {**line._asdict(), **changes}
    values["unit_price"] = (
        float(values["unit_price"])
        if isinstance(values["unit_price"], Decimal)
        else values["unit_price"]
    )
    return [
        int(value) if isinstance(value, str) and re.fullmatch("[1-9][0-9]*", value) else value
        for value in values.values()
    ]


def quarantined(line: Line, *reasons: str, **shown: str | None) -> Quarantined:
    """Return a line in quarantine, with some of its values as the workbook shows them."""
    texts = dict(zip(Line._fields, line.fields("%Y-%m-%d %H:%M:%S"), strict=True)) | shown
    return Quarantined(reasons, tuple(value or None for value in texts.values()))


def workbook(
    sheets: Mapping[str, Iterable[Cells]],
    change: Callable[[openpyxl.Workbook], object] = lambda book: None,
    parts: Mapping[str, Callable[[bytes], bytes]] | None = None,
) -> bytes:
    """Return a workbook.

    Parameters
    ----------
    sheets : mapping of str to rows
        Cell values; text that starts with an equals sign is a formula without a result.
    change : callable
        Changes the workbook before it is saved.
    parts : mapping of str to callable, optional
        Changes the XML of a part of the saved file.
    """
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    change(book)
    saved = io.BytesIO()
    book.save(saved)
    return rewritten(saved.getvalue(), parts) if parts else saved.getvalue()


def rewritten(content: bytes, parts: Mapping[str, Callable[[bytes], bytes]]) -> bytes:
    """Return a workbook with some of its parts changed or, where there are none, added."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        kept = {name: source.read(name) for name in source.namelist()}
    return archive(kept | {name: change(kept.get(name, b"")) for name, change in parts.items()})


def archive(parts: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return target.getvalue()


def with_shared_texts(content: bytes) -> bytes:
    """Return a workbook whose texts lie in a table of their own, as Excel saves them."""
    texts: list[bytes] = []

    def share(cell: re.Match[bytes]) -> bytes:
        texts.append(b"<si>" + cell[2] + b"</si>")
        return b'<c r="%s" t="s"><v>%d</v></c>' % (cell[1], len(texts) - 1)

    inline = rb'<c r="(\w+)" t="inlineStr"><is>(.*?)</is></c>'
    content = rewritten(content, {SHEET: lambda xml: re.sub(inline, share, xml)})
    table = b"<sst xmlns='%s/main'>%s</sst>" % (NAMESPACE, b"".join(texts))
    relation = (
        b"<Relationship Id='texts' Target='sharedStrings.xml' "
        b"Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings'/>"
        b"</Relationships>"
    )
    kind = (
        b"<Override PartName='/xl/sharedStrings.xml' ContentType="
        b"'application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml'/></Types>"
    )
    return rewritten(
        content,
        {
            TEXTS: lambda _: table,
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(b"</Relationships>", relation),
            "[Content_Types].xml": lambda xml: xml.replace(b"</Types>", kind),
        },
    )


def referring(cell: bytes, *, new: bytes) -> bytes:
    """Return a workbook in which one cell calls itself another."""
    return rewritten(GOOD, {SHEET: lambda xml: xml.replace(b'r="%s"' % cell, b'r="%s"' % new)})


def repeating() -> bytes:
    """Return a small workbook whose 60,000 cells share one text of three megabytes."""
    rows = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (at, at) for at in range(5, 60_000)
    )
    text = b"<sst xmlns='%s/main'><si><t>%s</t></si></sst>" % (NAMESPACE, b"x" * 3_000_000)
    end = b"</sheetData>"
    return rewritten(GOOD, {SHEET: lambda xml: xml.replace(end, rows + end), TEXTS: lambda _: text})


def with_two_sheets_of_one_name() -> bytes:
    """Return a workbook with two parts of one name, which readers take in different ways."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as source, io.BytesIO() as target:
        with zipfile.ZipFile(target, "w") as file, warnings.catch_warnings(action="ignore"):
            for name in [*source.namelist(), SHEET]:
                file.writestr(name, source.read(name))
        return target.getvalue()


def inflating(part: str, *, declared: int | None = None) -> bytes:
    """Return a small workbook one part of which inflates to 100 MB, whatever it declares."""
    content = rewritten(SHARED, {part: lambda xml: xml + b" " * 100_000_000})
    if declared is None:
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        size = file.getinfo(part).file_size
    return content.replace(size.to_bytes(4, "little"), declared.to_bytes(4, "little"))


def sheet_case(
    name: str,
    records: Iterable[tuple[Cells, Line | Quarantined | None]],
    *,
    change: Callable[[openpyxl.Workbook], object] = lambda book: None,
    parts: Mapping[str, Callable[[bytes], bytes]] | None = None,
    header: Cells | None = HEADER,
    first_row: int = 1,
    **expected: object,
) -> Case:
    """Return the case of a workbook with one sheet: a header, then rows with their outcome."""
    rows = list(records)
    if header is not None:
        rows.insert(0, (header, None))
    outcomes = [outcome for _, outcome in rows]
    return bytes_case(
        name,
        workbook({"Orders": [row for row, _ in rows]}, change, parts),
        "orders.xlsx",
        records=None if "refused" in expected else [row for row in outcomes if row is not None],
        line_numbers=[at for at, row in enumerate(outcomes, start=first_row) if row is not None],
        **expected,
    )


def good(line: Line, **changes: object) -> tuple[list[object], Line]:
    """Return a line's cells, some of them changed, and the line."""
    return cells(line, **changes), line


def without_part(content: bytes, part: str) -> bytes:
    """Return a workbook without one of its parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return archive({name: source.read(name) for name in source.namelist() if name != part})


def damaged(content: bytes, part: str) -> bytes:
    """Return a workbook with some bytes of one part changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        at = file.getinfo(part).header_offset + 200
    return content[:at] + b"damage" + content[at + 6 :]


def hide(book: openpyxl.Workbook) -> None:
    """Hide the second sheet."""
    book.worksheets[1].sheet_state = "hidden"


def merge_title(book: openpyxl.Workbook) -> None:
    """Merge the first row."""
    book.worksheets[0].merge_cells("A1:H1")


def hide_rows(book: openpyxl.Workbook) -> None:
    """Hide a row, as a filter does."""
    book.worksheets[0].row_dimensions[3].hidden = True


def count_from_1904(book: openpyxl.Workbook) -> None:
    """Count days from 1904, as old Macs do."""
    book.epoch = CALENDAR_MAC_1904


def plain_dates(book: openpyxl.Workbook) -> None:
    """Take the date format from the dates."""
    for row in book.worksheets[0].iter_rows(min_row=2, min_col=5, max_col=5):
        row[0].number_format = "General"


def indented(book: openpyxl.Workbook) -> None:
    """Move the table down and to the right."""
    sheet = book.worksheets[0]
    sheet.insert_rows(1, 3)
    sheet.insert_cols(1, 2)


def merge_header(book: openpyxl.Workbook) -> None:
    """Merge each header cell with the one below."""
    for column in range(1, len(HEADER) + 1):
        book.worksheets[0].merge_cells(
            start_row=1, end_row=2, start_column=column, end_column=column
        )


def formulas_as_text(book: openpyxl.Workbook) -> None:
    """Store as text what looks like a formula."""
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if cell.data_type == "f":
                cell.data_type = "s"


def laugh(xml: bytes) -> bytes:
    """Declare entities within entities in a part, and use the largest within its first text."""
    root = xml.split(b"?>", 1)[-1]
    return BILLION_LAUGHS + re.sub(rb"(?<=<t>)|(?=</workbook>)", b"&j;", root, count=1)


ALL = [good(line) for line in LINES]
ROWS = [HEADER, *map(cells, LINES)]
GOOD = workbook({"Orders": ROWS})
SHARED = with_shared_texts(GOOD)

TABLES = (
    sheet_case("a plain workbook", ALL),
    sheet_case("a table that does not start at A1", ALL, change=indented, first_row=4),
    sheet_case("empty rows between records", [ALL[0], ([], None), ([], None), *ALL[1:]]),
    sheet_case("a row that a filter hides", ALL, change=hide_rows),
    sheet_case("a header over two merged rows", [([], None), *ALL], change=merge_header),
    sheet_case("a header only, in a workbook", [], says="has a header and no records"),
    sheet_case("numbers and dates as text", [(line.fields(), line) for line in LINES]),
    sheet_case(
        "dates as text, D/M/Y proven by one",
        [(line.fields("%d/%m/%Y %H:%M"), line) for line in LINES],
    ),
    sheet_case(
        "dates as text, D/M/Y or M/D/Y",
        [(FIRST.fields("%d/%m/%Y %H:%M"), None)],
        refused="E_AMBIGUOUS_DATES",
        says="`dates: mdy` or `dates: dmy`",
    ),
    # Excel with another region turns 1/12/2010 into 12 January and leaves 13/12/2010 as text.
    sheet_case(
        "dates of which Excel turned those it understood",
        [
            good(FIRST, invoiced_at=dt.datetime(2010, 1, 12, 8, 26)),
            good(SECOND, invoiced_at="13/12/2010 9:41"),
        ],
        refused="E_AMBIGUOUS_DATES",
    ),
    sheet_case("dates without a date format", ALL, change=plain_dates),
    sheet_case("days counted from 1904", ALL, change=count_from_1904),
    sheet_case(
        "days counted from 1904 without a date format",
        ALL,
        change=lambda book: (count_from_1904(book), plain_dates(book)),
    ),
    sheet_case(
        "dates that cannot be, in a workbook",
        [
            (cells(FIRST, invoiced_at=None), quarantined(FIRST, "R_INVOICE_DATE", invoiced_at="")),
            (
                cells(FIRST, invoiced_at=-5),
                quarantined(FIRST, "R_INVOICE_DATE", invoiced_at="-5"),
            ),
            (
                cells(FIRST, invoiced_at=3_000_000),
                quarantined(FIRST, "R_INVOICE_DATE", invoiced_at="3000000"),
            ),
            (
                cells(FIRST, invoiced_at=True),
                quarantined(FIRST, "R_INVOICE_DATE", invoiced_at="TRUE"),
            ),
            (
                cells(FIRST, invoiced_at=dt.datetime(1950, 1, 1, 8, 26)),
                quarantined(FIRST, "R_DATE_RANGE", invoiced_at="1950-01-01 08:26:00"),
            ),
            (
                cells(FIRST, invoiced_at=dt.datetime(2999, 1, 1, 8, 26)),
                quarantined(FIRST, "R_FUTURE_DATE", invoiced_at="2999-01-01 08:26:00"),
            ),
            good(SECOND),
        ],
    ),
    sheet_case(
        "numbers that are none",
        [
            (cells(FIRST, quantity=1.5), FIRST._replace(quantity=Decimal("1.5"))),
            (cells(FIRST, quantity=True), quarantined(FIRST, "R_QUANTITY", quantity="TRUE")),
            (cells(FIRST, quantity="six"), quarantined(FIRST, "R_QUANTITY", quantity="six")),
            (cells(FIRST, quantity=None), quarantined(FIRST, "R_QUANTITY", quantity="")),
            (cells(FIRST, quantity=1e300), quarantined(FIRST, "R_OVERFLOW", quantity="1e+300")),
            (
                cells(FIRST, unit_price=2.55555),
                quarantined(FIRST, "R_UNIT_PRICE_SCALE", unit_price="2.55555"),
            ),
            (
                cells(FIRST, unit_price="€2.55"),
                quarantined(FIRST, "R_UNIT_PRICE", unit_price="€2.55"),
            ),
            (cells(FIRST, unit_price=1.1 + 2.2), FIRST._replace(unit_price=Decimal("3.3"))),
            (cells(FIRST, quantity=6.0, unit_price=-0.0), FIRST._replace(unit_price=Decimal(0))),
        ],
    ),
    sheet_case(
        "ids and texts of every kind",
        [
            (cells(FIRST, customer_id=17850.0), FIRST),
            ([*cells(FIRST)[:6], "00017850"], FIRST._replace(customer_id="00017850", country=None)),
            (
                cells(FIRST, customer_id="mary@example.com"),
                FIRST._replace(customer_id="mary@example.com"),
            ),
            (
                cells(FIRST, description='  <b>ランタン</b>\n15" & 🎁 '),
                FIRST._replace(description='  <b>ランタン</b>\n15" & 🎁 '),
            ),
            (cells(FIRST, stock_code="000042"), FIRST._replace(stock_code="000042")),
            (cells(FIRST, description=12.5), FIRST._replace(description="12.5")),
        ],
    ),
    sheet_case(
        "texts that look like formulas",
        [
            (cells(FIRST, description=text), FIRST._replace(description=text))
            for text in ("=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-2+3")
        ],
        change=formulas_as_text,
    ),
    sheet_case(
        "cells to the right of the table",
        [
            ALL[0],
            (
                [*cells(SECOND), None, "checked"],
                Quarantined(
                    ("R_FIELD_COUNT",),
                    (*quarantined(SECOND).values, None, "checked"),
                ),
            ),
        ],
    ),
    sheet_case(
        "a row of totals",
        [
            *ALL,
            (
                ["Total", None, None, 61, None, 32.6],
                Quarantined(
                    ("R_TOTAL_ROW",), ("Total", None, None, "61", None, "32.6", None, None)
                ),
            ),
        ],
    ),
    sheet_case(
        "errors",
        [
            ALL[0],
            (
                cells(FIRST, customer_id="#N/A"),
                quarantined(FIRST, "R_CELL_ERROR", customer_id="#N/A"),
            ),
            (
                cells(FIRST, unit_price="#DIV/0!"),
                quarantined(FIRST, "R_CELL_ERROR", "R_UNIT_PRICE", unit_price="#DIV/0!"),
            ),
            ALL[1],
        ],
    ),
    sheet_case(
        "formulas with their results",
        ALL,
        change=lambda book: book.worksheets[0].__setitem__("D2", "=2*3"),
        parts={SHEET: lambda xml: re.sub(rb"(<f>.*?</f>)<v ?/>", rb"\1<v>6</v>", xml)},
    ),
    # A program that writes formulas leaves the results to Excel: the cell is not known, not empty.
    sheet_case(
        "formulas without a result",
        [
            ALL[0],
            (
                cells(FIRST, customer_id="=A2"),
                quarantined(FIRST, "R_CELL_ERROR", customer_id="=A2"),
            ),
            (
                cells(FIRST, quantity="=2*3"),
                quarantined(FIRST, "R_CELL_ERROR", "R_QUANTITY", quantity="=2*3"),
            ),
            ALL[1],
        ],
    ),
    sheet_case(
        "a title above the header of a sheet",
        [(["Sales 2010"], None), (HEADER, None), *ALL],
        header=None,
        change=merge_title,
    ),
    sheet_case(
        "two columns of one name in a workbook",
        ALL,
        header=[*HEADER, "Quantity"],
        refused="E_DUPLICATE_COLUMNS",
        says='"Quantity" and "Quantity"',
    ),
    sheet_case("a sheet without rows", [], header=None, refused="E_EMPTY_FILE"),
)


def book_case(
    name: str, content: Content, file_name: str = "orders.xlsx", **expected: object
) -> Case:
    """Return the case of a workbook of three good lines."""
    if "refused" not in expected:
        expected = {"records": LINES, "line_numbers": (2, 3, 4), **expected}
    return bytes_case(name, content, file_name, **expected)


SHEETS = (
    book_case(
        "a table over two sheets",
        workbook({"2009": ROWS, "2010": ROWS}),
        records=LINES * 2,
        line_numbers=(2, 3, 4) * 2,
        says="2009, 2010",
    ),
    book_case(
        "a hidden sheet with the same header",
        workbook({"2009": ROWS, "2010": ROWS}, hide),
        records=LINES * 2,
        line_numbers=(2, 3, 4) * 2,
        says="2009, 2010",
    ),
    book_case(
        "sheets with something else before and after",
        workbook({"Read me": [["Made by", "Mary"]], "Orders": ROWS, "Pivot": [["a", "b"], [1, 2]]}),
        says="Read me, Pivot",
    ),
    book_case("a workbook named .csv", GOOD, "orders.csv"),
    book_case("texts in a table of their own, as Excel saves them", SHARED),
    book_case(
        "a text in several formats",
        rewritten(
            SHARED,
            {
                TEXTS: lambda xml: xml.replace(
                    b"<t>White hanging heart</t>",
                    b"<r><t xml:space='preserve'>White </t></r><r><rPr><b/></rPr><t>hanging</t></r>"
                    b"<r><t xml:space='preserve'> heart</t></r>",
                )
            },
        ),
    ),
)

CRAFTED = (
    book_case("a workbook cut off", GOOD[:-300], refused="E_UNREADABLE"),
    book_case(
        "a workbook of a ZIP version to come",
        re.sub(rb"PK\x01\x02....", b"PK\x01\x02\x14\x00\xf0\x00", GOOD, flags=re.DOTALL),
        refused="E_UNREADABLE",
    ),
    book_case(
        "a workbook whose sheet is damaged",
        damaged(GOOD, SHEET),
        refused="E_UNREADABLE",
    ),
    book_case(
        "a workbook whose sheet is no XML",
        rewritten(GOOD, {SHEET: lambda xml: xml[: len(xml) // 2]}),
        refused="E_UNREADABLE",
    ),
    *(
        book_case(name, partial(inflating, part, declared=declared), refused=code)
        for name, part, declared, code in (
            ("a sheet that inflates a thousand times", SHEET, None, "E_XLSX_BOMB"),
            ("a sheet that inflates more than it declares", SHEET, 1000, "E_UNREADABLE"),
            ("texts that inflate a thousand times", TEXTS, None, "E_XLSX_BOMB"),
            ("texts that inflate more than they declare", TEXTS, 1000, "E_UNREADABLE"),
        )
    ),
    *(
        book_case(
            f"an entity bomb in {part}",
            rewritten(SHARED, {part: laugh}),
            refused="E_XLSX_BOMB",
        )
        for part in (SHEET, TEXTS, "xl/workbook.xml")
    ),
    book_case(
        "a sheet that is listed and not there",
        without_part(workbook({"2009": ROWS, "2010": ROWS}), "xl/worksheets/sheet2.xml"),
        refused="E_UNREADABLE",
    ),
    *(
        book_case(f"a cell {what}", partial(referring, b"B3", new=new), refused="E_UNREADABLE")
        for what, new in (
            ("beyond all columns", b"ZZZZZZZ99999999"),
            ("beyond all rows", b"B99999999999999999999"),
            ("one row below the last", b"B1048577"),
            ("one column after the last", b"XFE3"),
            ("of row 0", b"B0"),
            ("of no column", b"3"),
            ("in lower case", b"b3"),
            ("without a reference in it", b""),
            ("written as an entity", b"&#66;3"),
        )
    ),
    book_case(
        "one cell far out, whose row ends unusually",
        lambda: rewritten(
            referring(b"B3", new=b"XFD1048576"),
            {SHEET: lambda xml: xml.replace(b"</row>", b"</row >")},
        ),
        refused="E_XLSX_BOMB",
    ),
    book_case("a text in cell after cell", repeating, refused="E_XLSX_BOMB"),
    book_case("two parts of one name", with_two_sheets_of_one_name, refused="E_UNREADABLE"),
    book_case(
        "a sheet in UTF-16",
        rewritten(GOOD, {SHEET: lambda xml: xml.decode().encode("utf-16")}),
        refused="E_UNREADABLE",
    ),
    sheet_case(
        "a text that looks like a cell far out",
        [(cells(FIRST, description='r="ZZZZ9"'), FIRST._replace(description='r="ZZZZ9"'))],
    ),
    book_case(
        "one cell at the far end of the sheet",
        workbook(
            {"Orders": ROWS},
            lambda book: book.worksheets[0].cell(row=1_048_576, column=16_384, value="x"),
        ),
        refused="E_XLSX_BOMB",
    ),
    bytes_case(
        "an archive with the name of a workbook only",
        archive({"xl/workbook.xml": b"<workbook/>"}),
        "orders.xlsx",
        refused="E_UNREADABLE",
    ),
    *(
        bytes_case(name, archive({part: b"x"}), file, refused="E_UNKNOWN_FORMAT", says=says)
        for name, part, file, says in (
            ("a binary workbook", "xl/workbook.bin", "orders.xlsb", "Save it as .xlsx"),
            ("an OpenDocument table", "content.xml", "orders.ods", "Save it as .xlsx"),
            ("a ZIP archive with a CSV file", "orders.csv", "orders.zip", "extract"),
        )
    ),
    bytes_case("an empty ZIP archive", archive({}), "orders.xlsx", refused="E_UNKNOWN_FORMAT"),
)

CASES = (*TABLES, *SHEETS, *CRAFTED)
