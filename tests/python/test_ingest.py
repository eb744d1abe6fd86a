"""Every file format gives the same raw rows, nothing is lost, and a refusal writes nothing."""

import contextlib
import csv
import datetime as dt
import fcntl
import hashlib
import hmac
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from unittest import mock

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, run_dbt
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_intelligence import open_marts
from customer_intelligence.cli.ending import ended
from customer_intelligence.cli.loading import load_file
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file, read_mapping
from customer_intelligence.ingest import load as loads
from customer_intelligence.ingest.formats.structure import Structure, measure_structure
from customer_intelligence.ingest.pseudonyms import BLANKS, plain_id, stored_id
from customer_intelligence.ingest.relation import find_relation
from customer_intelligence.ingest.shop import read_shop
from customer_intelligence.ingest.tombstones import WITHHELD, add_tombstone, customer_hash

HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
AT = dt.datetime(2010, 12, 1, 8, 26)
LINES = [
    ("536365", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 6, AT, 2.55, 17850, "UK"),
    ("C536379", "D", ' 15" "Discount", big; ', -1, AT, 27.5, 14527, "UK"),
    ("536414", "22139", None, 56, dt.datetime(2010, 12, 13, 11, 52), 0.0, None, "UK"),
    ("536520", "gift_0001_40", "Voucher £40.00", 1, AT, 34.04, 14911, "Éire"),
    ("A563185", "B", "Adjust\nbad debt", 1, dt.datetime(2011, 8, 12, 14, 50), -11062.06, None, ""),
    ("581475", "M", "=SUM(A1)", 80995, dt.datetime(2011, 12, 9, 12, 50), 0.001, 12347, "UK"),
]
COMPARED = (
    "record_number, invoice_no, stock_code, description, quantity, invoiced_at, unit_price, "
    "customer_id, country, reasons, raw_record"
)


def raw_rows(load_path: Path, columns: str = COMPARED) -> list[tuple]:
    """Return the rows of a load in record order."""
    path = str(load_path / "invoice_lines.parquet")
    with duckdb.connect() as connection:
        query = f"select {columns} from read_parquet(?) order by record_number"
        return connection.execute(query, [path]).fetchall()


def text_lines(date_format: str = "iso") -> list[list[str]]:
    """Return `LINES` as the public CSV writes them."""

    def written(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, dt.datetime):
            if date_format == "iso":
                return value.isoformat(" ")
            return f"{value.month}/{value.day}/{value.year} {value.hour}:{value.minute:02}"
        return str(value)

    return [[written(value) for value in line] for line in LINES]


def write_csv(path: Path, lines, *, encoding="utf-8", delimiter=",", header=HEADER) -> Path:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows([header, *lines])
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def write_parquet(path: Path, header=HEADER, lines=LINES) -> Path:
    columns = [pa.array(list(column)) for column in zip(*lines, strict=True)]
    pq.write_table(pa.Table.from_arrays(columns, names=list(header)), path)
    return path


def write_xlsx(path: Path, sheets: dict[str, list]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
            for cell in sheet[sheet.max_row]:
                if isinstance(cell.value, str) and cell.value.startswith("="):
                    cell.data_type = "s"
    book.save(path)
    return path


def xlsx_lines() -> list[list]:
    return [
        [int(cell) if isinstance(cell, str) and cell.isdigit() else cell for cell in line]
        for line in LINES
    ]


def one_line(**changes: str) -> list[str]:
    """Return a good record with some fields changed."""
    values = dict(zip(HEADER, text_lines()[0], strict=True))
    return list({**values, **changes}.values())


def refusal(tmp_path: Path, path: Path, mapping: SourceMapping | None = None) -> str:
    """Ingest a file that must be refused, check that nothing is written, return the message."""
    data_dir = tmp_path / "refused"
    with pytest.raises(CustomerIntelligenceError) as caught:
        ingest_file(path, data_dir, mapping)
    assert not data_dir.exists()
    return str(caught.value)


# ---------- formats


@pytest.fixture(scope="module")
def expected_rows(tmp_path_factory) -> list[tuple]:
    directory = tmp_path_factory.mktemp("expected")
    result = ingest_file(write_parquet(directory / "lines.parquet"), directory / "data")
    return raw_rows(result.path)


def test_parquet_rows_are_typed_exactly(expected_rows):
    assert len(expected_rows) == len(LINES)
    assert expected_rows[1] == (
        2,
        "C536379",
        "D",
        ' 15" "Discount", big; ',
        -1,
        AT,
        Decimal("27.5000"),
        "14527",
        "UK",
        [],
        None,
    )
    assert expected_rows[4][6:9] == (Decimal("-11062.0600"), None, None)
    assert expected_rows[5][6] == Decimal("0.0010")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "date_format", "codec"),
    [
        ("utf-8", "iso", "utf-8"),
        ("utf-8-sig", "mdy", "utf-8-sig"),
        ("utf-16", "iso", "utf-16"),
        ("latin-1", "mdy", "cp1252"),
    ],
)
def test_csv_gives_the_rows_of_parquet(
    tmp_path, expected_rows, encoding, date_format, codec, delimiter
):
    path = write_csv(
        tmp_path / "lines.csv", text_lines(date_format), encoding=encoding, delimiter=delimiter
    )
    result = ingest_file(path, tmp_path / "data")
    assert raw_rows(result.path) == expected_rows
    manifest = json.loads((result.path / "load.json").read_text())
    assert manifest["encoding"] == codec
    assert manifest["date_order"] == ("mdy" if date_format == "mdy" else "ymd")
    assert "is not well formed; it was read record by record" not in result.notes


def test_the_slow_path_gives_the_rows_of_the_fast_one(tmp_path, expected_rows):
    path = write_csv(tmp_path / "lines.csv", text_lines())
    # A lone quote inside an unquoted field is legal text, but no proof of well-formedness.
    path.write_text(path.read_text() + '1,2,15" x,4,2010-12-01,1,,\n', encoding="utf-8")
    result = ingest_file(path, tmp_path / "data")
    rows = raw_rows(result.path)
    assert "is not well formed; it was read record by record" in result.notes
    assert rows[:-1] == expected_rows
    assert rows[-1][3] == '15" x'


def test_xlsx_gives_the_rows_of_parquet_over_two_sheets(tmp_path, expected_rows):
    lines = xlsx_lines()
    path = write_xlsx(
        tmp_path / "lines.data",  # the content decides, not the name
        {
            "2009": [HEADER, *lines[:2], []],
            "notes": [["made", "by"], ["x", "y"]],
            "2010": [HEADER, *lines[2:]],
        },
    )
    result = ingest_file(path, tmp_path / "data")
    assert raw_rows(result.path) == expected_rows
    assert any("notes" in note for note in result.notes)
    # The row of the sheet, as a spreadsheet shows it.
    assert raw_rows(result.path, "line_number") == [(2,), (3,), (2,), (3,), (4,), (5,)]


def test_xlsx_serial_date_is_read_where_text_is_not(tmp_path):
    lines = [[*LINES[0][:4], date, *LINES[0][5:]] for date in (40513.3513888889, "40513.35")]
    path = write_xlsx(tmp_path / "a.xlsx", {"s": [HEADER, *lines]})
    result = ingest_file(path, tmp_path / "data")
    first, second = raw_rows(result.path, "invoiced_at, reasons")
    assert first == (AT, [])
    assert second == (None, ["R_INVOICE_DATE"])


def test_xlsx_error_cell_is_not_taken_for_an_empty_one(tmp_path):
    book = openpyxl.Workbook()
    book.active.append([])
    book.active.append([None, *HEADER])
    for line in xlsx_lines()[:2]:
        book.active.append([None, *line])
    book.active["H4"] = "#N/A"
    book.save(tmp_path / "a.xlsx")
    result = ingest_file(tmp_path / "a.xlsx", tmp_path / "data")
    first, second = raw_rows(result.path, "customer_id, reasons, raw_record")
    assert first == ("17850", [], None)
    assert second[:2] == (None, ["R_CELL_ERROR"])
    assert json.loads(second[2])["CustomerID"] == "#N/A"


def test_formula_whose_result_the_file_does_not_hold_is_not_taken_for_an_empty_cell(tmp_path):
    book = openpyxl.Workbook()
    book.active.append([*HEADER, "Total"])
    for line in xlsx_lines()[:2]:
        book.active.append([*line[:7], "UK", "=D2*F2"])
    # Nothing is known of the last row but that it is there.
    book.active.append([f"={column}2" for column in "ABCDEFGH"])
    book.active["G3"] = "=G2"
    book.save(tmp_path / "a.xlsx")
    result = ingest_file(tmp_path / "a.xlsx", tmp_path / "data")
    rows = raw_rows(result.path, "line_number, customer_id, reasons, raw_record")
    # A column that is not used takes nothing from a record.
    assert rows[0] == (2, "17850", [], None)
    assert rows[1][:3] == (3, None, ["R_CELL_ERROR"])
    assert json.loads(rows[1][3])["CustomerID"] == "=G2"
    assert rows[2][:2] == (4, None)
    assert "R_CELL_ERROR" in rows[2][2]
    assert json.loads(rows[2][3])["InvoiceNo"] == "=A2"


def test_online_retail_2_headers_float_ids_and_extra_columns(tmp_path):
    header = ["Invoice", "StockCode", "Price", "Quantity", "InvoiceDate", "Customer ID", "Note"]
    frame = {
        "Invoice": ["489434"] * 2,
        "StockCode": ["85048"] * 2,
        "Price": [6.95, 1.1 + 2.2],
        "Quantity": [12.0, -0.0],
        "InvoiceDate": [AT, AT],
        "Customer ID": [13085.0, float("nan")],
        "Note": ["a", "b"],
    }
    lines = list(zip(*(frame[name] for name in header), strict=True))
    result = ingest_file(write_parquet(tmp_path / "a.parquet", header, lines), tmp_path / "data")
    rows = raw_rows(result.path, "quantity, unit_price, customer_id, description, reasons")
    assert rows == [
        (12, Decimal("6.9500"), "13085", None, []),
        (0, Decimal("3.3000"), None, None, []),
    ]
    assert "has columns that are not used: 'Note'" in result.notes


def test_header_only_is_accepted_with_a_warning(tmp_path):
    for path in (
        write_csv(tmp_path / "a.csv", []),
        write_xlsx(tmp_path / "a.xlsx", {"s": [HEADER]}),
    ):
        result = ingest_file(path, tmp_path / "data")
        assert (result.records, raw_rows(result.path)) == (0, [])
        assert "has a header and no records" in result.notes


def test_odd_path_characters_are_no_pattern(tmp_path):
    directory = tmp_path / "o'[1]*"
    directory.mkdir()
    for name in ("orders (1) [2].csv", "year=2010.csv"):
        result = ingest_file(
            write_csv(directory / name, [one_line(StockCode=name)]), directory / "data"
        )
        assert raw_rows(result.path, "stock_code, source_file") == [(name, name)]


def test_every_mapping_key_together_reads_a_foreign_export(tmp_path):
    path = write_csv(
        tmp_path / "bestellungen.csv",
        [
            ["1", "A", "1.234", "01.12.2010 08:26", "1.234,50 €", "7"],
            ["2", "A", "12,0", "13.12.2010 08:26", "€2,55", "7"],
            ["3", "A", "1", "13.12.2010 08:26", "2.55", "7"],
        ],
        encoding="utf-16-le",
        delimiter=";",
        header=["Beleg", "Artikel", "Menge", "Datum", "Preis", "Kunde"],
    )
    (tmp_path / "mapping.yml").write_text(
        "columns: {invoice_no: Beleg, stock_code: Artikel, quantity: Menge, invoice_date: Datum,"
        " unit_price: preis, customer_id: Kunde}\n"
        "encoding: utf-16-le\ndates: '%d.%m.%Y %H:%M'\ndecimal: ','\nthousands: '.'\n"
        "currency: EUR\n",
        encoding="utf-8",
    )
    result = ingest_file(path, tmp_path / "data", read_mapping(tmp_path / "mapping.yml"))
    assert raw_rows(result.path, "quantity, invoiced_at, unit_price, reasons") == [
        (1234, AT, Decimal("1234.5000"), []),
        (12, dt.datetime(2010, 12, 13, 8, 26), Decimal("2.5500"), []),
        (1, dt.datetime(2010, 12, 13, 8, 26), None, ["R_UNIT_PRICE"]),
    ]
    assert read_shop(tmp_path / "data") == {"currency": "EUR"}


# ---------- refusals


def test_missing_columns_name_the_header_and_the_way_out(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("InvoiceNo,StockCode,Quantity,UnitPrice,created,cust,total\n")
    assert refusal(tmp_path, path) == (
        'E_MISSING_COLUMNS: Columns for "invoice_date", "customer_id" not found in orders.csv. '
        "Found: InvoiceNo, StockCode, Quantity, UnitPrice, created, cust, total. "
        "Set `columns: {invoice_date: created, customer_id: cust}` in mapping.yml. "
        "`make check-data` drafts it."
    )
    mapping = SourceMapping(columns={"invoice_date": "creatde", "customer_id": "cust"})
    assert '"invoice_date" (mapped to "creatde") not found' in refusal(tmp_path, path, mapping)


def test_duplicate_columns_are_refused_and_the_mapping_settles_them(tmp_path):
    path = write_csv(tmp_path / "a.csv", [["x", *one_line()]], header=["Invoice", *HEADER])
    message = refusal(tmp_path, path)
    assert message.startswith("E_DUPLICATE_COLUMNS: ")
    assert '"Invoice" and "InvoiceNo"' in message
    assert "Set" in message or "set" in message
    result = ingest_file(path, tmp_path / "d", SourceMapping(columns={"invoice_no": "InvoiceNo"}))
    assert raw_rows(result.path, "invoice_no") == [("536365",)]
    # A column the mapping gives to one field is not claimed by another field's alias.
    shop = write_csv(tmp_path / "c.csv", [one_line()], header=[*HEADER[:6], "Order ID", "Country"])
    result = ingest_file(shop, tmp_path / "d", SourceMapping(columns={"customer_id": "Order ID"}))
    assert raw_rows(result.path, "invoice_no, customer_id") == [("536365", "17850")]
    same = write_csv(tmp_path / "b.csv", [], header=[*HEADER, "invoice no"])
    assert refusal(tmp_path, same).startswith("E_DUPLICATE_COLUMNS: ")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n", b"   \n"])
def test_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert refusal(tmp_path, path).startswith("E_EMPTY_FILE: a.csv is empty")


def test_empty_workbook_is_refused(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", {"s": []})
    assert refusal(tmp_path, path).startswith("E_EMPTY_FILE: ")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Save it as .xlsx"),
        (b"\x1f\x8b\x08\x00", "Decompress"),
        (b"%PDF-1.7", "Export"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "Give a Parquet, CSV or XLSX file"),
        ("Invoice,Price\n".encode("utf-16-le"), "set `encoding:`"),
    ],
)
def test_other_formats_are_refused(tmp_path, content, hint):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    message = refusal(tmp_path, path)
    assert message.startswith("E_UNKNOWN_FORMAT: ")
    assert hint in message


def test_archive_that_is_no_workbook_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("orders.csv", "x")
    assert "a ZIP archive" in refusal(tmp_path, tmp_path / "a.xlsx")


def test_workbook_bomb_is_refused_before_it_is_opened(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", {"s": [HEADER]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * 30_000_000)
    assert refusal(tmp_path, path).startswith("E_XLSX_BOMB: ")


@pytest.mark.parametrize("writer", ["parquet", "xlsx"])
def test_damaged_file_is_refused(tmp_path, writer):
    if writer == "parquet":
        path = write_parquet(tmp_path / "a.parquet")
    else:
        path = write_xlsx(tmp_path / "a.xlsx", {"s": [HEADER, *xlsx_lines()]})
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(tmp_path, path).startswith(f"E_UNREADABLE: a.{writer} cannot be read: ")


def test_what_is_no_plain_file_is_refused(tmp_path):
    path = write_csv(tmp_path / "a.csv", [])
    (tmp_path / "link.csv").symlink_to(path)
    assert refusal(tmp_path, tmp_path / "link.csv").startswith("E_SYMLINK: ")
    assert refusal(tmp_path, tmp_path).startswith("E_NOT_A_FILE: ")
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path, tmp_path / "pipe").startswith("E_NOT_A_FILE: ")
    assert refusal(tmp_path, tmp_path / "none.csv").startswith("E_NOT_FOUND: ")
    assert refusal(tmp_path, path / "none.csv").startswith("E_NOT_FOUND: ")


def test_ambiguous_dates_are_refused_until_configured(tmp_path):
    ambiguous = write_csv(tmp_path / "a.csv", [one_line(InvoiceDate="1/2/2011 8:26")])
    message = refusal(tmp_path, ambiguous)
    assert message.startswith('E_AMBIGUOUS_DATES: Column "InvoiceDate" of a.csv holds "1/2/2011')
    assert message.endswith("Set `dates: mdy` or `dates: dmy` in mapping.yml.")
    for dates, month in (("mdy", 1), ("dmy", 2)):
        result = ingest_file(ambiguous, tmp_path / dates, SourceMapping(dates=dates))
        assert raw_rows(result.path, "month(invoiced_at)") == [(month,)]
    both = write_csv(
        tmp_path / "b.csv",
        [one_line(InvoiceDate="13/12/2010"), one_line(InvoiceDate="12/13/2010")],
    )
    assert '"13/12/2010" (day first) and "12/13/2010" (month first)' in refusal(tmp_path, both)


def moments(tmp_path: Path, written: list[str], **said: str) -> list[str]:
    """Return when a file with these dates says that its lines were sold."""
    tmp_path.mkdir(exist_ok=True)
    path = write_csv(tmp_path / "a.csv", [one_line(InvoiceDate=date) for date in written])
    result = ingest_file(path, tmp_path / str(said), SourceMapping(**said))
    return [str(moment) for (moment,) in raw_rows(result.path, "invoiced_at")]


def test_a_sale_is_on_the_day_of_the_clock_in_the_file(tmp_path):
    dates = ["2026-04-01 01:30:00 +0500", "2026-03-31 20:30 -05:00", "2026-03-31T23:59:59Z"]
    assert moments(tmp_path, [*dates, "2026-03-31 22:30", "2026-03-31"]) == [
        "2026-04-01 01:30:00",
        "2026-03-31 20:30:00",
        "2026-03-31 23:59:59",
        "2026-03-31 22:30:00",
        "2026-03-31 00:00:00",
    ]
    assert moments(tmp_path, ["31/03/2026 20:30 -0500", "1/4/2026"]) == [
        "2026-03-31 20:30:00",
        "2026-04-01 00:00:00",
    ]
    form = "%d %b %Y %H:%M:%S %z"
    assert moments(tmp_path, ["31 Mar 2026 23:30:00 +0100"], dates=form) == ["2026-03-31 23:30:00"]


def test_the_days_of_a_file_in_utc_are_those_of_the_zone_that_is_named(tmp_path):
    dates = ["2026-03-31 23:30", "2026-03-31T22:30:00Z", "2026-04-01 01:30:00 +0500", "2026-03-31"]
    assert moments(tmp_path, dates, timezone="Europe/Berlin") == [
        "2026-04-01 01:30:00",
        "2026-04-01 00:30:00",
        "2026-03-31 22:30:00",
        # A day without a time is a day on whatever clock.
        "2026-03-31 00:00:00",
    ]
    # The hour that happens twice comes twice, the one that does not happen never.
    autumn = ["2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"]
    assert (
        moments(tmp_path / "autumn", autumn, timezone="Europe/Berlin")
        == ["2025-10-26 02:30:00"] * 2
    )
    spring = ["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z"]
    assert moments(tmp_path / "spring", spring, timezone="Europe/Berlin") == [
        "2026-03-29 01:59:00",
        "2026-03-29 03:00:00",
    ]


def test_instants_of_parquet_take_the_named_zone_for_their_own(tmp_path):
    instant = dt.datetime(2026, 3, 31, 23, 30, tzinfo=dt.UTC)
    columns = dict(zip(HEADER, zip(*text_lines()[:1], strict=True), strict=True))
    for zone, said, day in (
        ("UTC", {}, 31),
        ("UTC", {"timezone": "Europe/Berlin"}, 1),
        ("Asia/Tokyo", {}, 1),
        ("Asia/Tokyo", {"timezone": "UTC"}, 31),
    ):
        moment = pa.array([instant], pa.timestamp("us", zone))
        pq.write_table(pa.table({**columns, "InvoiceDate": moment}), tmp_path / "a.parquet")
        data_dir = tmp_path / f"{zone} {said}".replace("/", " ")
        result = ingest_file(tmp_path / "a.parquet", data_dir, SourceMapping(**said))
        assert raw_rows(result.path, "day(invoiced_at)") == [(day,)]


def read_prices(tmp_path: Path, written: list[str], **said: str) -> list[Decimal | None]:
    """Return what is read of prices; None of those in quarantine."""
    path = write_csv(tmp_path / "a.csv", [one_line(UnitPrice=price) for price in written])
    result = ingest_file(path, tmp_path / str(said), SourceMapping(**said))
    rows = raw_rows(result.path, "unit_price, reasons")
    assert all((price is None) == (reasons == ["R_UNIT_PRICE"]) for price, reasons in rows)
    return [price for price, _ in rows]


def test_bookkeeping_writes_what_is_taken_off_in_its_own_ways(tmp_path):
    four = Decimal(-4)
    assert read_prices(tmp_path, ["(4.00)", "( 4 )", "4.00-", "4 -", "−4.00", "－4"]) == [four] * 6
    # What is negative twice may be either.
    assert read_prices(tmp_path, ["(-4)", "-4-", "--4", "()", "-", "(4", "4)"]) == [None] * 7
    dollars = ["($4.00)", "$(4.00)", "-$4", "$-4", "−$4", "4.00 USD-", "4.00- USD", "(USD 4)"]
    assert read_prices(tmp_path, dollars, currency="USD") == [four] * 8
    euros = ["(1.250,00 €)", "1.250,00-", "€ −1.250,00"]
    said = {"currency": "EUR", "decimal": ",", "thousands": "."}
    assert read_prices(tmp_path, euros, **said) == [Decimal(-1250)] * 3


def test_words_for_nobody_are_no_customer(tmp_path):
    words = ["NULL", "nan", " None ", "N/A", "#N/A", "\\N", "-", ""]
    people = ["0", "Nanette", "none@x.org", "NULLA", "-1"]
    path = write_csv(tmp_path / "a.csv", [one_line(CustomerID=name) for name in [*words, *people]])
    rows = raw_rows(ingest_file(path, tmp_path / "data").path, "customer_id, reasons")
    assert rows == [(None, [])] * 8 + [(name, []) for name in people]


def test_codes_that_went_through_floats_are_whole_again(tmp_path):
    fields = ("InvoiceNo", "StockCode", "CustomerID")
    changes = [dict.fromkeys(fields, text) for text in ("536365.0", "536365", "5.01", "v1.0")]
    path = write_csv(tmp_path / "a.csv", [one_line(**change) for change in changes])
    rows = raw_rows(
        ingest_file(path, tmp_path / "data").path, "invoice_no, stock_code, customer_id"
    )
    assert rows == [(text,) * 3 for text in ("536365", "536365", "5.01", "v1.0")]


def test_a_month_may_be_named_in_the_day_of_a_refund_alone(tmp_path):
    (tmp_path / "a.csv").write_text(
        "order,sold,who,sku,qty,price,refund,refunded on\n"
        '1,2011-01-03,ann,A,2,5.00,5.00,"Feb 5, 2011"\n'
    )
    columns = {
        "invoice_no": "order", "invoice_date": "sold", "customer_id": "who", "stock_code": "sku",
        "quantity": "qty", "unit_price": "price", "refunded_amount": "refund",
        "refunded_at": "refunded on",
    }  # fmt: skip
    result = ingest_file(tmp_path / "a.csv", tmp_path / "data", SourceMapping(columns=columns))
    assert raw_rows(result.path, "refunded_at") == [(dt.datetime(2011, 2, 5),)]


def test_day_first_is_proven_by_one_record(tmp_path):
    lines = [one_line(InvoiceDate=f"{day}.12.2010 8:26") for day in (1, 2, 13)]
    result = ingest_file(write_csv(tmp_path / "a.csv", lines), tmp_path / "data")
    assert raw_rows(result.path, "day(invoiced_at), month(invoiced_at)") == [
        (1, 12),
        (2, 12),
        (13, 12),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "colums: {}",
        "columns: {date: x}",
        "columns: [a]",
        "columns: {country: 5}",
        "columns: {country: }",
        "- a",
        "a: [",
        "encoding: klingon",
        "encoding: rot13",
        "dates: iso",
        "dates: '%Q'",
        "decimal: ';'",
        "thousands: '.'\ndecimal: '.'",
        "currency: pounds",
        'encoding: "utf-16\\0x"',
        'columns: {invoice_no: "a\\0b"}',
        'dates: "%d\\0"',
        f"dates: '%{'d' * 100_000}'",
        f"columns: {{invoice_no: {'x' * 500_000}}}",
        f"{'x' * 100_000}: 1",
        f"order_amount: '{'(' * 900}a{')' * 90}'",
        "columns: {stock_code: [[a]]}",
        "absent: [[1], {a: 1}]",
        "derived: {1: 2}",
        "thousands: {a: b}",
    ],
    ids=lambda content: content[:30],
)
def test_bad_mapping_is_refused(tmp_path, content):
    path = tmp_path / "orders_map.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CustomerIntelligenceError, match=r"^E_BAD_MAPPING: ") as refused:
        ingest_file(write_csv(tmp_path / "a.csv", []), tmp_path / "data", read_mapping(path))
    message = str(refused.value)
    assert "orders_map.yml" in message
    assert len(message) < 1_000
    assert message.isprintable()
    assert not (tmp_path / "data").exists()


def test_command_line_shows_one_message_or_one_summary(tmp_path, capsys):
    path = write_csv(tmp_path / "orders.csv", text_lines())
    data = str(tmp_path / "data")
    assert ended(lambda: load_file(path, data, str(tmp_path / "none.yml"))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"E_NOT_FOUND: The mapping {tmp_path / 'none.yml'} does not exist.")
    assert len(err.splitlines()) == 1
    assert ended(lambda: load_file(path, data)) == 0
    assert capsys.readouterr().out.startswith(
        "loaded orders.csv: 6 records, 0 quarantined -> load 0001-"
    )


# ---------- reasons


# The value of a field, and why it is no good.
WRONG = {
    "Quantity": [
        *(("", "R_QUANTITY"), ("6.5 kg", "R_QUANTITY"), ("1,23", "R_QUANTITY")),
        *(("0x10", "R_QUANTITY"), ("9223372036854775808", "R_OVERFLOW"), ("nan", "R_NOT_FINITE")),
    ],
    "UnitPrice": [
        *(("", "R_UNIT_PRICE"), ("1,23.50", "R_UNIT_PRICE"), ("2,55", "R_UNIT_PRICE")),
        *(("€2.55", "R_UNIT_PRICE"), ("2.55555", "R_UNIT_PRICE_SCALE"), ("1e400", "R_OVERFLOW")),
        *(("123456789012345", "R_OVERFLOW"), ("-Infinity", "R_NOT_FINITE")),
    ],
    "InvoiceDate": [
        *(("", "R_INVOICE_DATE"), ("2011-02-29 08:26", "R_INVOICE_DATE")),
        *(("infinity", "R_INVOICE_DATE"), ("40513.35", "R_INVOICE_DATE")),
        *(("1989-12-31", "R_DATE_RANGE"), ("2999-12-31", "R_FUTURE_DATE")),
    ],
    "InvoiceNo": [("", "R_INVOICE_NO"), (" \t", "R_INVOICE_NO")],
    "Description": [("a\x00b", "R_NUL"), ("x" * 131_073, "R_FIELD_LIMIT")],
}


@pytest.mark.parametrize("field", WRONG)
def test_record_that_cannot_be_typed_is_kept_with_its_reason(tmp_path, field):
    wrong = [({field: value}, [reason]) for value, reason in WRONG[field]]
    if field == "InvoiceNo":
        several = {"Quantity": "?", "UnitPrice": "NaN", "InvoiceNo": ""}
        wrong.append((several, ["R_INVOICE_NO", "R_NOT_FINITE", "R_QUANTITY"]))
    good = one_line()
    lines = [good, *(line for changes, _ in wrong for line in (one_line(**changes), good))]
    path = write_csv(tmp_path / "a.csv", lines)
    result = ingest_file(path, tmp_path / "data")
    counts = (len(lines), len(wrong) + 1, len(wrong))
    assert (result.records, result.accepted, result.quarantined) == counts
    rows = raw_rows(result.path, f"{COMPARED}, quantity, unit_price, invoiced_at")
    assert all(row[9] == [] for row in rows[::2])
    for row, (changes, reasons) in zip(rows[1::2], wrong, strict=True):
        assert row[9] == reasons
        written = dict(zip(HEADER, one_line(**changes), strict=True))
        assert json.loads(row[10]) == {key: value or None for key, value in written.items()}
        untyped = {"Quantity": row[-3], "UnitPrice": row[-2], "InvoiceDate": row[-1]}
        for name, value in untyped.items():
            in_range = reasons in (["R_DATE_RANGE"], ["R_FUTURE_DATE"])
            assert (value is None) == (name in changes and not in_range)


@pytest.mark.parametrize(
    ("field", "column", "values"),
    [
        (
            "Quantity",
            "quantity",
            {"6.0": 6, " +6 ": 6, "-0": 0, "0.755": Decimal("0.755")},
        ),
        (
            "UnitPrice",
            "unit_price",
            {
                "-0.0": Decimal(0),
                "0.30000000000000004": Decimal("0.3"),
                ".5": Decimal("0.5"),
                "99999999999999.5500": Decimal("99999999999999.55"),
            },
        ),
        ("CustomerID", "customer_id", {"17850.0": "17850", " C 1 ": "C 1"}),
        ("Description", "description", {"  ": "  "}),
        # A file has its dates in one way.
        ("InvoiceDate", "invoiced_at", {"2010-12-01T08:26": AT}),
        ("InvoiceDate", "invoiced_at", {"2010/12/01 8:26:00": AT}),
        ("InvoiceDate", "invoiced_at", {"2010-12-01 08:26:00 -0500": AT}),
        ("InvoiceDate", "invoiced_at", {"2010-12-01T08:26:00Z": AT}),
        ("InvoiceDate", "invoiced_at", {"12/13/2010 8:26 PM": dt.datetime(2010, 12, 13, 20, 26)}),
    ],
)
def test_value_that_can_be_typed_is(tmp_path, field, column, values):
    path = write_csv(tmp_path / "a.csv", [one_line(**{field: value}) for value in values])
    result = ingest_file(path, tmp_path / "data")
    found = raw_rows(result.path, f"{column}, reasons")
    assert found == [(value, []) for value in values.values()]


def test_parquet_reasons(tmp_path):
    base = list(LINES[0])
    lines = []
    for position, value in ((3, 6.55555), (3, float("inf")), (5, 2.55555), (5, 1e15), (5, None)):
        line = [*base]
        line[3] = float(line[3])
        line[position] = value
        lines.append(line)
    result = ingest_file(write_parquet(tmp_path / "a.parquet", lines=lines), tmp_path / "data")
    assert [reasons for (reasons,) in raw_rows(result.path, "reasons")] == [
        ["R_QUANTITY_SCALE"],
        ["R_NOT_FINITE"],
        ["R_UNIT_PRICE_SCALE"],
        ["R_OVERFLOW"],
        ["R_UNIT_PRICE"],
    ]


def test_damaged_structure_costs_only_the_damaged_records(tmp_path):
    good = ",".join(text_lines()[0])
    path = tmp_path / "a.csv"
    path.write_text(
        "\n".join(
            [
                ",".join(HEADER),
                good,
                "too,few",
                good + ",more",
                good,
                '536365,"runs away,' + good,
                good,
                "",
                'x"y",' + good[7:],
                '"a"b,' + good[7:],
                good,
            ]
        ),
        encoding="utf-8",
    )
    result = ingest_file(path, tmp_path / "data")
    rows = raw_rows(result.path, "reasons, raw_record")
    assert [reasons for reasons, _ in rows] == [
        [],
        ["R_FIELD_COUNT"],
        ["R_FIELD_COUNT"],
        [],
        ["R_QUOTE"],
        [],
        [],
        ["R_QUOTE"],
        [],
    ]
    assert json.loads(rows[1][1]) == ["too", "few"]
    assert json.loads(rows[4][1]) == ['536365,"runs away,' + good]
    assert rows[6] == ([], None)


def test_trailing_separator_is_a_field(tmp_path):
    path = write_csv(tmp_path / "a.csv", [one_line(), [*one_line(), ""]])
    result = ingest_file(path, tmp_path / "data")
    assert raw_rows(result.path, "reasons") == [([],), (["R_FIELD_COUNT"],)]


def test_damaged_utf8_is_quarantined_and_not_read_as_latin1(tmp_path):
    lines = [one_line(Description="£40"), one_line(Description="@@"), one_line()]
    path = write_csv(tmp_path / "a.csv", lines)
    path.write_bytes(path.read_bytes().replace(b"@@", b"\xa340"))
    result = ingest_file(path, tmp_path / "data")
    first, damaged, last = raw_rows(result.path, "description, reasons, raw_record, invoice_no")
    assert first[:2] == ("£40", [])
    assert damaged[:2] == (None, ["R_ENCODING"])
    assert damaged[3] == "536365"
    assert json.loads(damaged[2])["Description"] == "\\xa340"
    assert last[1] == []


def test_structure_is_counted_across_blocks(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "a.csv", text_lines() * 50)
    for size in (7, 64, 1000):
        monkeypatch.setattr("customer_intelligence.ingest.formats.structure.CHUNK_BYTES", size)
        structure = measure_structure(path, ",", len(HEADER))
        assert (structure.records, structure.is_well_formed) == (301, True)


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,x"y"\n',
        'a,b\n1,"x"y\n',
        'a,b\n1, "x"\n',
        'a,b\n1,x"\n2,y"\n',
        'a,b\n1,"x\n',
        "a,b\n1,2,\n",
        "a,b\n1\n",
        "a,b\n1,\x002\n",
        "a,b\r\n1,2\n",
        "a,b\r1,2\n",
    ],
)
def test_text_that_readers_could_cut_differently_is_not_well_formed(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert not measure_structure(tmp_path / "a.csv", ",", 2).is_well_formed


def test_reader_that_loses_a_record_is_not_believed(tmp_path, expected_rows):
    path = write_csv(tmp_path / "a.csv", text_lines())
    counted = Structure(len(LINES) + 2, is_well_formed=True)
    with mock.patch(
        "customer_intelligence.ingest.formats.structure.measure_structure", return_value=counted
    ):
        result = ingest_file(path, tmp_path / "data")
    assert "is not well formed; it was read record by record" in result.notes
    assert raw_rows(result.path) == expected_rows


def test_spanning_field_that_swallows_records_gives_them_back(tmp_path):
    good = ",".join(text_lines()[0])
    path = tmp_path / "a.csv"
    path.write_text("\n".join([",".join(HEADER), '1,"open', good, '2,closed",3', good]))
    result = ingest_file(path, tmp_path / "data")
    assert [reasons for (reasons,) in raw_rows(result.path, "reasons")] == [
        ["R_QUOTE"],
        [],
        ["R_FIELD_COUNT"],
        [],
    ]


FIELDS = st.text(alphabet='a1,"\n\r ;.\x00£', max_size=6)
MESSY_LINES = st.lists(
    st.one_of(
        st.just(",".join(text_lines()[0])),
        st.lists(FIELDS, min_size=8, max_size=8).map(",".join),
        st.builds(lambda field: ",".join(one_line(Description=field)), FIELDS),
        st.builds(
            lambda field: ",".join(one_line(Country='"' + field.replace('"', '""') + '"')), FIELDS
        ),
        FIELDS,
    ),
    max_size=12,
)


@settings(max_examples=10, deadline=None)
@given(
    lines=MESSY_LINES,
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]),
)
def test_messy_text_loses_no_record(tmp_path_factory, lines, line_end, encoding):
    directory = tmp_path_factory.mktemp("messy")
    text = line_end.join([",".join(HEADER), *lines])
    path = directory / "a.csv"
    path.write_bytes(text.encode(encoding))
    result = ingest_file(path, directory / "data")
    rows = raw_rows(result.path, "record_number, reasons, raw_record, line_number")
    assert [row[0] for row in rows] == list(range(1, result.records + 1))
    assert sum(not row[1] for row in rows) == result.accepted
    assert all(bool(row[1]) == (row[2] is not None) for row in rows)
    # Outside of spanning quotes, which need two quotes, a record is a line that is not empty.
    body = text.split(line_end, 1)[1] if lines else ""
    physical = [line for line in body.replace("\r", "\n").split("\n") if line]
    numbers = [row[3] for row in rows]
    assert numbers == sorted(set(numbers))
    if '"' not in body:
        assert result.records == len(physical)
        every_line = re.split("\r\n|\r|\n", text)
        filled = [at for at, line in enumerate(every_line, start=1) if line]
        assert numbers == filled[1:]
    assert result.records <= len(physical)
    assert (result.records == 0) == (not physical)
    # Where the fast reader was allowed, the record by record one finds the same.
    unproven = Structure(0, is_well_formed=False)
    with mock.patch(
        "customer_intelligence.ingest.formats.structure.measure_structure", return_value=unproven
    ):
        slow = ingest_file(path, directory / "slow")
    for columns in (COMPARED, "line_number"):
        assert raw_rows(slow.path, columns) == raw_rows(result.path, columns)


# ---------- lines


LINE_ENDS = {"unix": "\n", "windows": "\r\n"}


@pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("is_proven", [True, False])
def test_a_record_knows_the_line_it_starts_on(tmp_path, line_end, encoding, is_proven):
    good = ",".join(text_lines()[0])
    header = [HEADER[0], f'"Stock{line_end}Code"', *HEADER[2:]]
    spanning = [*text_lines()[0]]
    spanning[2] = '"a £\nb\r\n\nc\rd"'
    lines = [",".join(header), good, "", "", good, ",".join(spanning), good, good, ""]
    text = line_end.join(lines)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    unproven = Structure(0, is_well_formed=False)
    with (
        contextlib.nullcontext()
        if is_proven
        else mock.patch(
            "customer_intelligence.ingest.formats.structure.measure_structure",
            return_value=unproven,
        )
    ):
        result = ingest_file(path, tmp_path / "data")
    assert ("is not well formed; it was read record by record" in result.notes) != is_proven
    # The header takes lines 1 and 2, and the text with line ends takes 7 to 11.
    assert raw_rows(result.path, "line_number") == [(3,), (6,), (7,), (12,), (13,)]


# ---------- line totals


PLAIN = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "CustomerID"]


def money_lines(*records: tuple[str, ...]) -> list[list[str]]:
    """Return good records of a file with other columns for money: quantity first, then those."""
    return [["1", "A", quantity, "2010-12-01", "7", *others] for quantity, *others in records]


def ingest_money(
    tmp_path: Path, names: list[str], records: list[tuple[str, ...]], **mapping: object
) -> list[tuple]:
    path = write_csv(tmp_path / "a.csv", money_lines(*records), header=[*PLAIN, *names])
    result = ingest_file(path, tmp_path / "data", SourceMapping(**mapping))
    return raw_rows(result.path, "quantity, unit_price, line_amount, reasons")


def test_the_total_of_a_line_is_kept_to_the_penny_and_gives_its_price(tmp_path):
    rows = ingest_money(
        tmp_path,
        ["Line Total"],
        [("3", "10.00"), ("-3", "-10"), ("20000", "1"), ("-7", "2"), ("0", "5"), ("0", "0")],
    )
    assert rows == [
        (3, Decimal("3.3333"), Decimal("10.0000"), []),
        (-3, Decimal("3.3333"), Decimal("-10.0000"), []),
        # Halves are rounded away from zero.
        (20000, Decimal("0.0001"), Decimal("1.0000"), []),
        # What is taken back was paid at a price above nothing, whichever of the two has the sign.
        (-7, Decimal("0.2857"), Decimal("2.0000"), []),
        # An amount without a quantity is that of one unit.
        (0, Decimal("5.0000"), Decimal("5.0000"), []),
        (0, Decimal("0.0000"), Decimal("0.0000"), []),
    ]


@pytest.mark.parametrize(
    ("total", "reasons"),
    [
        ("", ["R_LINE_AMOUNT"]),
        ("ten", ["R_LINE_AMOUNT"]),
        ("1,23.50", ["R_LINE_AMOUNT"]),
        ("1.23456", ["R_LINE_AMOUNT_SCALE"]),
        ("1e20", ["R_OVERFLOW"]),
        ("nan", ["R_NOT_FINITE"]),
    ],
)
def test_a_total_that_cannot_be_read_has_a_reason_of_its_own(tmp_path, total, reasons):
    assert ingest_money(tmp_path, ["LineTotal"], [("3", total)]) == [(3, None, None, reasons)]


def test_a_total_beside_a_price_is_read_only_where_it_is_mapped(tmp_path):
    names, records = ["Price", "LineTotal"], [("3", "4.00", "10.80")]
    assert ingest_money(tmp_path, names, records) == [(3, Decimal(4), None, [])]
    mapping = {"columns": {"line_amount": "LineTotal"}}
    (tmp_path / "both").mkdir()
    assert ingest_money(tmp_path / "both", names, records, **mapping) == [
        (3, Decimal(4), Decimal("10.8"), [])
    ]


def test_a_file_without_price_and_total_is_told_of_both(tmp_path):
    path = write_csv(tmp_path / "a.csv", [], header=[*PLAIN, "Total"])
    assert refusal(tmp_path, path) == (
        'E_MISSING_COLUMNS: Column for "unit_price" or "line_amount" not found in a.csv. '
        "Found: InvoiceNo, StockCode, Quantity, InvoiceDate, CustomerID, Total. "
        "Set `columns: {line_amount: Total}` in mapping.yml. `make check-data` drafts it."
    )
    mapping = SourceMapping(columns={"line_amount": "Totl"})
    told = refusal(tmp_path, path, mapping)
    assert 'Column for "line_amount" (mapped to "Totl") not found' in told
    assert "unit_price" not in told


def test_campaigns_of_the_sample_are_not_those_of_the_first_file(tmp_path):
    campaigns = tmp_path / "campaigns"
    campaigns.mkdir()
    (campaigns / "of-the-sample.parquet").write_text("")
    ingest_file(write_csv(tmp_path / "a.csv", [LINES[0]]), tmp_path)
    assert [path.name for path in campaigns.rglob("*.parquet")] == ["of-the-sample.parquet"]
    assert list(campaigns.glob("*.parquet")) == []
    (campaigns / "of-the-shop.parquet").write_text("")
    ingest_file(write_csv(tmp_path / "b.csv", [LINES[2]]), tmp_path)
    assert [path.name for path in campaigns.glob("*.parquet")] == ["of-the-shop.parquet"]


def test_totals_of_a_workbook_and_of_typed_parquet_are_those_of_text(tmp_path):
    header = [*PLAIN, "LineTotal"]
    lines = [["1", "A", 3, AT, "7", 10.0], ["1", "A", 6, AT, "7", 0.1 + 0.2]]
    for path in (
        write_parquet(tmp_path / "a.parquet", header, lines),
        write_xlsx(tmp_path / "a.xlsx", {"s": [header, *lines]}),
    ):
        result = ingest_file(path, tmp_path / path.suffix[1:])
        assert raw_rows(result.path, "unit_price, line_amount, reasons") == [
            (Decimal("3.3333"), Decimal(10), []),
            (Decimal("0.05"), Decimal("0.3"), []),
        ]


# ---------- derived fields


@pytest.mark.parametrize(
    ("names", "derived", "record", "expected"),
    [
        (["Total"], {"unit_price": "Total / Quantity"}, ("4", "10"), (4, "2.5", None, [])),
        (
            ["Total"],
            {"unit_price": "Total / Quantity"},
            ("3", "10"),
            (3, None, None, ["R_UNIT_PRICE_SCALE"]),
        ),
        # Where the total is there as well, it counts, and the price may be rounded.
        (
            ["LineTotal"],
            {"unit_price": "LineTotal / quantity"},
            ("3", "10"),
            (3, "3.3333", "10", []),
        ),
        (["Cases", "Price"], {"quantity": "Cases * 12"}, ("", "2", "1.5"), (24, "1.5", None, [])),
        (
            ["Cases", "Price"],
            {"quantity": "Cases * 12"},
            ("", "0.1", "1.5"),
            (Decimal("1.2"), "1.5", None, []),
        ),
        (
            ["Price", "Line Discount"],
            {"line_amount": '-(-Price * Quantity) - "Line Discount" / 100'},
            ("3", "0.1", "20"),
            (3, "0.1", "0.1", []),
        ),
        (
            ["Net", 'Say "Tax"'],
            {"unit_price": 'Net + "Say ""Tax"""'},
            ("1", "0.1", "0.2"),
            (1, "0.3", None, []),
        ),
        (
            ["Total"],
            {"unit_price": "Total / Quantity"},
            ("0", "1"),
            (0, None, None, ["R_UNIT_PRICE"]),
        ),
        (["Total"], {"unit_price": "Total * 2"}, ("1", ""), (1, None, None, ["R_UNIT_PRICE"])),
        (["Total"], {"unit_price": "Total * 2"}, ("1", "nan"), (1, None, None, ["R_UNIT_PRICE"])),
        (
            ["Total"],
            {"line_amount": "Total * Total"},
            ("1", "99999999999999"),
            (1, None, None, ["R_LINE_AMOUNT"]),
        ),
        (["Pence"], {"unit_price": "Pence / 100"}, ("1", "£1,234"), (1, "12.34", None, [])),
    ],
)
def test_a_field_is_derived_from_columns(tmp_path, names, derived, record, expected):
    formats = {"thousands": ",", "currency": "GBP"} if "Pence" in names else {}
    rows = ingest_money(tmp_path, names, [record], derived=derived, **formats)
    quantity, price, amount, reasons = expected
    numbers = [None if text is None else Decimal(text) for text in (price, amount)]
    assert rows == [(quantity, *numbers, reasons)]


def test_a_derived_field_is_the_same_in_every_format_and_is_recorded(tmp_path):
    header = [*PLAIN, "Line Total"]
    values = ["1", "A", 3, AT, "7", 10.0]
    derived = {"unit_price": '"Line Total" / 4', "quantity": "Quantity + 1"}
    (tmp_path / "mapping.yml").write_text(
        "derived:\n" + "".join(f"  {name}: '{text}'\n" for name, text in derived.items())
    )
    for path in (
        write_csv(tmp_path / "a.csv", [[*values[:3], "2010-12-01", *values[4:]]], header=header),
        write_parquet(tmp_path / "a.parquet", header, [values]),
        write_xlsx(tmp_path / "a.xlsx", {"s": [header, values]}),
    ):
        result = ingest_file(
            path, tmp_path / path.suffix[1:], read_mapping(tmp_path / "mapping.yml")
        )
        assert raw_rows(result.path, "quantity, unit_price, line_amount") == [
            (4, Decimal("2.5"), Decimal(10))
        ]
        manifest = json.loads((result.path / "load.json").read_text())
        assert manifest["mapping"]["derived"] == derived
        assert result.notes == ()


@pytest.mark.parametrize(
    "derived",
    [
        "[a]",
        "{country: Country}",
        "{quantity: 1}",
        "{quantity: ''}",
        "{quantity: 'Quantity +'}",
        "{quantity: '(Quantity'}",
        "{quantity: 'Quantity 2'}",
        "{quantity: 'abs(Quantity)'}",
        "{quantity: 'Quantity; drop table x'}",
        "{quantity: '\"Quantity'}",
        "{quantity: '1e400'}",
        "{quantity: '" + "-" * 60 + "1'}",
        "{quantity: 'Boxes * 12'}",
        "{unit_price: 'UnitPrice * 2'}\ncolumns: {unit_price: UnitPrice}",
    ],
)
def test_arithmetic_outside_of_the_grammar_is_refused(tmp_path, derived):
    (tmp_path / "mapping.yml").write_text(f"derived: {derived}\n")
    path = write_csv(tmp_path / "a.csv", text_lines())
    with pytest.raises(CustomerIntelligenceError, match=r"^E_BAD_MAPPING: ") as caught:
        ingest_file(path, tmp_path / "data", read_mapping(tmp_path / "mapping.yml"))
    assert not (tmp_path / "data").exists()
    if "Boxes" in derived:
        assert 'No column of a.csv can be "Boxes"' in str(caught.value)
        assert "Found: InvoiceNo, StockCode, " in str(caught.value)


# ---------- limits


def test_a_file_that_is_too_big_or_would_not_fit_is_refused(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "a.csv", text_lines())
    size = path.stat().st_size
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES", str(size - 1))
    assert f"E_TOO_BIG: a.csv has {size} bytes; allowed are {size - 1}." in refusal(tmp_path, path)
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES", "64GB")
    assert refusal(tmp_path, path).startswith("E_BAD_SETTING: ")
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES", str(size))
    with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=12_000_000)):
        assert re.match(
            "E_NO_SPACE: 12 MB are free for .* the load may need 67 MB.", refusal(tmp_path, path)
        )
    assert ingest_file(path, tmp_path / "data").records == len(LINES)


def test_a_file_outside_of_the_input_directory_is_refused(tmp_path, monkeypatch):
    root = tmp_path / "inbox"
    (root / "deep").mkdir(parents=True)
    (root / "door").symlink_to(tmp_path)
    path = write_csv(tmp_path / "a.csv", text_lines())
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_INPUT_ROOT", str(root))
    outside = (path, tmp_path / "none.csv", root / ".." / "a.csv", root / "door" / "a.csv")
    for place in outside:
        assert refusal(tmp_path, place).startswith("E_OUTSIDE_ROOT: "), place
    inside = write_csv(root / "deep" / "a.csv", text_lines())
    assert ingest_file(inside, tmp_path / "data").records == len(LINES)
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_INPUT_ROOT", "")
    assert refusal(tmp_path, path).startswith("E_BAD_SETTING: ")


# ---------- pseudonyms and tombstones


KEY = "correct horse battery staple, and more of it"
CANARY = "K-canary-17850"


def pseudonym(customer_id: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), customer_id.encode(), hashlib.sha256).hexdigest()[:32]


def holds(directory: Path, text: str) -> list[Path]:
    """Return the files that hold a text in their bytes or, in Parquet, in a value."""
    found = []
    for path in directory.rglob("*"):
        if path.is_file():
            values = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
            if text.encode() in path.read_bytes() or text in values:
                found.append(path)
    return found


def naming_lines(customer: str = CANARY) -> list[str]:
    """Return records that name a customer in every way that a record can be damaged."""
    good = ",".join(one_line(CustomerID=customer))
    return [
        good,
        ",".join(one_line(CustomerID=f" {customer} ")),
        ",".join(one_line(CustomerID=customer, Quantity="?")),
        ",".join([*one_line(CustomerID=customer), "more"]),
        f"{customer};few",
        f'"runs away,{good}',
        ",".join(one_line(CustomerID=customer, Description="@@")),
        ",".join(one_line(CustomerID="other", Country="Éire")),
        ",".join(one_line(CustomerID="")),
        ",".join(one_line(CustomerID="17850.0")),
    ]


def write_naming(path: Path, customer: str = CANARY) -> Path:
    text = "\n".join([",".join(HEADER), *naming_lines(customer)])
    path.write_bytes(text.encode().replace(b"@@", b"\xa340"))
    return path


@pytest.mark.parametrize("key", [KEY, "k" * 200], ids=["short", "long"])
def test_with_a_key_no_id_reaches_the_raw_layer(tmp_path, monkeypatch, key):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", key)
    result = ingest_file(write_naming(tmp_path / "a.csv"), tmp_path / "data")
    rows = raw_rows(result.path, "customer_id, reasons, raw_record")
    canary = pseudonym(CANARY, key)
    damaged = [None] * 3
    assert [row[0] for row in rows] == [
        *[canary] * 3, *damaged, canary, pseudonym("other", key), None, pseudonym("17850", key),
    ]  # fmt: skip
    assert json.loads(rows[2][2])["CustomerID"] == canary
    assert json.loads(rows[2][2])["Quantity"] == "?"
    # What cannot be cut into fields may hold the id anywhere: only lengths are kept.
    assert json.loads(rows[4][2]) == {"withheld": "no customer id", "characters": [18]}
    assert json.loads(rows[6][2])["Description"] == "\\xa340"
    assert holds(tmp_path / "data", CANARY) == []
    manifest = json.loads((result.path / "load.json").read_text())
    assert len(manifest["pseudonym_key"]) == 8
    assert key not in json.dumps(manifest)


def test_with_a_key_columns_that_are_no_field_are_left_out_of_quarantine(tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", KEY)
    lines = [[*one_line(Quantity="?"), "someone@example.org"]]
    path = write_csv(tmp_path / "a.csv", lines, header=[*HEADER, "Email"])
    result = ingest_file(path, tmp_path / "data")
    assert holds(tmp_path / "data", "someone@") == []
    assert list(json.loads(raw_rows(result.path, "raw_record")[0][0])) == HEADER


def test_pseudonyms_are_the_same_from_every_format(tmp_path, monkeypatch, expected_rows):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", KEY)
    expected = [(row[7] and pseudonym(row[7]),) for row in expected_rows]
    for path in (
        write_csv(tmp_path / "a.csv", text_lines()),
        write_csv(tmp_path / "b.csv", text_lines(), encoding="utf-16"),
        write_parquet(tmp_path / "a.parquet"),
        write_xlsx(tmp_path / "a.xlsx", {"s": [HEADER, *xlsx_lines()]}),
    ):
        assert raw_rows(ingest_file(path, tmp_path / "data").path, "customer_id") == expected


@pytest.mark.parametrize("key", ["", "k" * 31])
def test_a_key_that_protects_nothing_is_refused(tmp_path, monkeypatch, key):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", key)
    path = write_csv(tmp_path / "a.csv", text_lines())
    assert refusal(tmp_path, path).startswith("E_BAD_KEY: ")


@pytest.mark.parametrize(("first", "second"), [(KEY, None), (None, KEY), (KEY, KEY[::-1])])
def test_one_data_directory_has_one_key(tmp_path, monkeypatch, first, second):
    def use(key):
        monkeypatch.delenv("CUSTOMER_INTELLIGENCE_ID_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", key)

    use(first)
    same = write_csv(tmp_path / "a.csv", text_lines())
    other = write_csv(tmp_path / "b.csv", text_lines()[:2])
    ingest_file(same, tmp_path / "data")
    use(second)
    for path in (same, other):
        with pytest.raises(CustomerIntelligenceError, match=r"^E_OTHER_KEY: Load 0001-"):
            ingest_file(path, tmp_path / "data")
    use(first)
    assert ingest_file(other, tmp_path / "data").load_id.startswith("0002-")


def test_trimming_an_id_is_what_trimming_in_sql_is():
    every = [(code, f"{chr(code)}x{chr(code)}") for code in range(1, 0x3100)]
    with duckdb.connect() as connection:
        trimmed = connection.execute(
            "select list_transform($texts, lambda text: trim(text))",
            {"texts": [text for _, text in every]},
        ).fetchone()[0]
    assert trimmed == [text.strip(BLANKS) for _, text in every]
    assert plain_id(" 17850.0\u00a0") == "17850"


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "pseudonymised"])
@pytest.mark.parametrize("customer", [CANARY, "17850"])
def test_who_was_erased_does_not_come_back(tmp_path, monkeypatch, key, customer):
    if key is not None:
        monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", key)
    data = tmp_path / "data"
    ingest_file(write_csv(tmp_path / "first.csv", [one_line(CustomerID="other")]), data)
    raw = data / "raw"
    add_tombstone(raw, stored_id(customer, loads.read_manifests(raw)), dt.datetime.now(dt.UTC))
    assert customer not in (raw / "tombstones.json").read_text()
    result = ingest_file(write_naming(tmp_path / "a.csv", customer), data)
    rows = raw_rows(result.path, "customer_id, reasons, raw_record")
    kept = stored_id("other", loads.read_manifests(raw))
    # The last record names customer 17850 as a number with a decimal point.
    is_last_erased = customer == "17850"
    last = None if is_last_erased else stored_id("17850", loads.read_manifests(raw))
    assert [row[0] for row in rows] == [*[None] * 7, kept, None, last]
    assert all(row[2] == WITHHELD for row in rows[:7] if row[1])
    assert holds(result.path, customer) == []
    manifest = json.loads((result.path / "load.json").read_text())
    assert manifest["erased"] == 7 + is_last_erased
    assert (manifest["records"], manifest["quarantined"]) == (10, 5)
    assert any("they stay erased" in note for note in result.notes)


def test_a_tombstone_is_a_salted_hash_and_stands_once(tmp_path):
    now = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    for _ in range(2):
        add_tombstone(tmp_path, "17850", now)
    content = json.loads((tmp_path / "tombstones.json").read_text())
    assert content["customers"] == [
        {"hash": customer_hash(content["salt"], "17850"), "requested_at": now.isoformat()}
    ]
    assert customer_hash("00ff", "ä") == hashlib.sha256(b"\x00\xff" + "ä".encode()).hexdigest()


def test_damaged_tombstones_stop_the_load(tmp_path):
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "tombstones.json").write_text('{"salt": "00"')
    with pytest.raises(CustomerIntelligenceError, match=r"^E_TOMBSTONES: .*tombstones"):
        ingest_file(write_csv(tmp_path / "a.csv", text_lines()), tmp_path / "data")


@pytest.mark.slow
def test_temporary_files_of_a_killed_load_do_not_outlive_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_ID_KEY", KEY)
    program = (
        "import os, pathlib, signal, sys\n"
        "from customer_intelligence.ingest import ingest_file, pipeline\n"
        "pipeline.write_rows = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ingest_file(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
    )
    data = tmp_path / "data"
    path = write_naming(tmp_path / "a.csv")
    killed = subprocess.run([sys.executable, "-c", program, str(path), str(data)], check=False)
    assert killed.returncode == -9
    assert holds(data, CANARY) != []
    ingest_file(write_csv(tmp_path / "b.csv", text_lines()), data)
    assert holds(data, CANARY) == []


# ---------- rooms

ROOMS = (
    ("errors", "quoting", "data_dir"),
    ("fields", "files"),
    ("engine", "derived", "yaml_files", "tombstones", "pseudonyms"),
    ("rules", "currency_signs", "names", "number_marks"),
    ("mapping", "formats", "load", "do_not_contact", "privacy", "alarm", "apart", "replacing"),
    ("columns",),
    ("presets", "reading", "shop", "connectors"),
    ("together",),
    ("recognise",),
    ("read",),
    ("survey",),
    ("type_fields",),
    ("complete",),
    ("check",),
    ("write",),
    ("relation", "pipeline", "raw_schema"),
    ("__init__",),
)


def test_an_earlier_room_of_the_ingest_never_imports_a_later_one():
    room_of = {name: at for at, names in enumerate(ROOMS) for name in names}
    package = ROOT / "src" / "customer_intelligence" / "ingest"
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        for name in re.findall(
            r"^from customer_intelligence\.(?:ingest\.)?(\w+)", path.read_text(), re.MULTILINE
        ):
            if name != "ingest":
                assert room_of[name] <= room_of[own], f"{own} imports {name}"


# ---------- what a person is told


@pytest.mark.parametrize(
    ("changes", "mapping", "words"),
    [
        (
            {"UnitPrice": "2,55"},
            {},
            '(R_UNIT_PRICE 3). For example line 2: UnitPrice is "2,55". Probably `decimal:`',
        ),
        (
            {"InvoiceDate": "1.13.2010"},
            {"dates": "dmy"},
            'InvoiceDate is "1.13.2010". Probably `dates:`',
        ),
        ({"UnitPrice": "x"}, {"derived": {"unit_price": "UnitPrice * 2"}}, "Probably `derived:`"),
        (
            {"Country": "UK\tmore"},
            {},
            '(R_FIELD_COUNT 3). For example line 2: ["536365", "85123A", "WHITE HANGING',
        ),
    ],
)
def test_a_file_that_was_probably_read_wrongly_is_loaded_with_a_warning(
    tmp_path, capsys, changes, mapping, words
):
    lines = [one_line(**changes)] * 3 + [text_lines()[0]]
    (tmp_path / "a.csv").write_text("\n".join("\t".join(line) for line in [HEADER, *lines]))
    (tmp_path / "mapping.yml").write_text(json.dumps(mapping))
    load_file(tmp_path / "a.csv", tmp_path / "data", str(tmp_path / "mapping.yml"))
    loaded, apart, warning = capsys.readouterr().out.splitlines()
    assert loaded.startswith("loaded a.csv: 4 records, 3 quarantined -> load 0001-")
    assert apart.startswith("set apart: quarantined R_")
    assert warning.startswith("WARNING: most of 4 records cannot be read (")
    assert words in warning
    (directory,) = (tmp_path / "data" / "raw").iterdir()
    assert warning.endswith(f"Remove {directory} before you load the file again.")


def test_a_few_damaged_records_are_no_reason_for_a_warning(tmp_path):
    path = write_csv(tmp_path / "a.csv", [one_line(), one_line(Quantity="?")])
    assert ingest_file(path, tmp_path / "data").warning is None


# ---------- loads


def test_same_content_is_skipped_and_other_content_is_load_two(tmp_path):
    data = tmp_path / "data"
    first = ingest_file(write_csv(tmp_path / "a.csv", text_lines()), data)
    again = ingest_file(write_csv(tmp_path / "renamed.csv", text_lines()), data)
    assert again.load_id == first.load_id
    assert again.summary() == (
        f"skipped renamed.csv: same content as load {first.load_id} (a.csv, 6 records)"
    )
    second = ingest_file(write_csv(tmp_path / "b.csv", text_lines()[:2]), data)
    assert second.load_id.startswith("0002-")
    assert sorted(path.name for path in (data / "raw").iterdir()) == [
        first.load_id,
        second.load_id,
    ]
    assert sorted(path.name for path in second.path.iterdir()) == [
        "invoice_lines.parquet",
        "load.json",
    ]
    assert raw_rows(second.path, "load_number, load_id, source_file, length(file_sha256)")[0] == (
        2,
        second.load_id,
        "b.csv",
        64,
    )


def test_same_content_with_another_mapping_is_refused_with_the_load_to_remove(tmp_path):
    data = tmp_path / "data"
    path = write_csv(tmp_path / "a.csv", text_lines())
    first = ingest_file(path, data)
    with pytest.raises(CustomerIntelligenceError, match=rf"^E_OTHER_MAPPING: .*{first.load_id}"):
        ingest_file(path, data, SourceMapping(currency="EUR"))


def test_columns_that_a_file_lacks_are_text_all_the_same(tmp_path):
    """The types of the raw layer do not depend on what a file holds."""
    whole = ingest_file(write_csv(tmp_path / "a.csv", text_lines()), tmp_path / "whole")
    table = pd.read_csv(tmp_path / "a.csv", dtype=str)
    table.drop(columns=["Description", "Country"]).to_csv(tmp_path / "b.csv", index=False)
    lacking = ingest_file(tmp_path / "b.csv", tmp_path / "lacking")

    def types(result):
        return duckdb.execute(
            "select column_name, column_type from (describe select * from read_parquet(?))",
            [str(result.path / "invoice_lines.parquet")],
        ).fetchall()

    assert types(lacking) == types(whole)


def test_refused_file_leaves_earlier_loads_alone(tmp_path):
    data = tmp_path / "data"
    ingest_file(write_csv(tmp_path / "a.csv", text_lines()), data)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    with pytest.raises(CustomerIntelligenceError):
        ingest_file(write_csv(tmp_path / "b.csv", [one_line(InvoiceDate="1/2/2011")]), data)
    after = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    raw = data / "raw"
    assert {**after, raw: None} == {**before, raw: None}


def test_file_that_grows_meanwhile_is_refused(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "a.csv", text_lines())

    def grow(grown: set[Path]) -> str:
        with next(iter(grown)).open("a") as file:
            file.write("\n")
        return "0" * 64

    monkeypatch.setattr("customer_intelligence.ingest.pipeline.content_sha256", grow)
    assert refusal(tmp_path, path).startswith("E_CHANGED: a.csv changed while")


@pytest.mark.parametrize("what", ["another file", "a pipe", "a link"])
def test_what_is_put_in_the_place_of_a_file_is_not_read(tmp_path, monkeypatch, what):
    path = write_csv(tmp_path / "a.csv", text_lines())
    other = write_csv(tmp_path / "b.csv", text_lines())

    def put_in_place(*_: object) -> None:
        status = path.stat()
        path.unlink()
        if what == "a pipe":
            os.mkfifo(path)
        elif what == "a link":
            path.symlink_to(other)
        else:
            other.replace(path)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    monkeypatch.setattr("customer_intelligence.ingest.pipeline.check_space", put_in_place)
    assert re.match("E_CHANGED|E_UNREADABLE", refusal(tmp_path, path))


def test_a_raw_record_is_no_larger_than_is_of_use(tmp_path):
    """Of 100 columns with 100,000 characters each, ten million, about two million are kept."""
    wide = {f"x{at}": "ä" * 100_000 for at in range(100)}
    header = [*HEADER, *wide]
    lines = [[*one_line(Quantity="?"), *wide.values()]]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join(line) for line in [header, *lines]), encoding="utf-8")
    table = pa.table({name: [value] for name, value in zip(header, lines[0], strict=True)})
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        result = ingest_file(tmp_path / name, tmp_path / name.replace(".", "-"))
        ((raw_record, reasons),) = raw_rows(result.path, "raw_record, reasons")
        assert reasons == ["R_QUANTITY"]
        assert 1_900_000 < len(raw_record) < 2_200_000
        assert json.loads(raw_record)["x99"].endswith("ä…")
        assert json.loads(raw_record)["Quantity"] == "?"


@pytest.mark.slow
@pytest.mark.parametrize("is_renamed", [False, True], ids=["before", "after"])
def test_killed_load_is_whole_or_not_there(tmp_path, is_renamed):
    path = write_csv(tmp_path / "a.csv", text_lines())
    data = tmp_path / "data"
    program = (
        "import os, pathlib, signal, sys\n"
        "from customer_intelligence.ingest import ingest_file\n"
        "replace = pathlib.Path.replace\n"
        "def kill(*paths):\n"
        f"    {is_renamed} and replace(*paths)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "pathlib.Path.replace = kill\n"
        "ingest_file(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path), str(data)], check=False)
    assert killed.returncode == -9
    expected = "0001-" if is_renamed else ".tmp-"
    assert [entry.name[:5] for entry in (data / "raw").iterdir()] == [expected]
    result = ingest_file(path, data)
    assert (result.first_source_file is not None) == is_renamed
    assert [entry.name for entry in (data / "raw").iterdir()] == [result.load_id]
    assert result.load_id.startswith("0001-")
    assert len(raw_rows(result.path)) == len(LINES)


def test_two_loads_at_once_are_refused(tmp_path):
    raw = tmp_path / "data" / "raw"
    (raw / ".tmp-4711").mkdir(parents=True)
    descriptor = os.open(raw, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(CustomerIntelligenceError, match=r"^E_LOCKED: .*4711"):
            ingest_file(write_csv(tmp_path / "a.csv", []), tmp_path / "data")
    finally:
        os.close(descriptor)
    assert (raw / ".tmp-4711").exists()


# ---------- a relation in place of files


SAMPLE = str(ROOT / "data/sample/raw/*/invoice_lines.parquet")


@pytest.fixture()
def database():
    with duckdb.connect() as connection:
        connection.execute("create schema shop")
        yield connection


def relation_rows(database, relation="shop.lines", columns=COMPARED) -> list[tuple]:
    query = find_relation(database, relation, dt.datetime(2026, 1, 1)).query
    return database.execute(f"select {columns} from ({query}) order by record_number").fetchall()


def test_a_relation_gives_the_rows_of_a_file(tmp_path, database, expected_rows):
    write_parquet(tmp_path / "a.parquet")
    database.execute(
        f"create table shop.lines as select *, row_number() over () as record_number "
        f"from read_parquet('{tmp_path / 'a.parquet'}')"
    )
    assert relation_rows(database) == expected_rows
    assert relation_rows(database, columns="distinct load_number, load_id, source_file") == [
        (1, "shop.lines", "shop.lines")
    ]
    # Without numbers of its own, records are numbered in the order of their values.
    database.execute(
        "create view shop.unnumbered as select * exclude (record_number) from shop.lines"
    )
    numbered = relation_rows(database, "shop.unnumbered")
    assert [row[0] for row in numbered] == list(range(1, len(LINES) + 1))
    assert sorted(map(str, [row[1:] for row in numbered])) == sorted(
        map(str, [row[1:] for row in expected_rows])
    )


def test_lines_of_a_relation_have_the_reasons_of_a_file(database):
    database.execute(
        """
        create table shop.lines as
        from (values
            (1, '1', 'A', 3::double, 10::decimal(12, 3), date '2011-01-01', 7.0::double),
            (2, null, 'A', 1.55555, 1, '2011-01-01', 'nan'),
            (3, ' ', 'A', 'inf', null, null, null),
            (4, '1', 'A', 0, 1, '1989-01-01', 7),
            (5, '1', 'A', null, 1, 'infinity', 7),
            (6, '1', 'A', 1, 1, '2026-01-02', 7)
        ) as lines(record_number, invoice_no, sku, qty, line_total, invoiced_at, customer_id)
        """
    )
    columns = "quantity, unit_price, line_amount, customer_id, reasons"
    rows = relation_rows(database, columns=columns)
    assert rows[0] == (3, Decimal("3.3333"), Decimal(10), "7", [])
    assert [row[3:] for row in rows[1:]] == [
        (None, ["R_INVOICE_NO", "R_QUANTITY_SCALE"]),
        (None, ["R_INVOICE_DATE", "R_INVOICE_NO", "R_LINE_AMOUNT", "R_NOT_FINITE"]),
        ("7", ["R_DATE_RANGE"]),
        ("7", ["R_NOT_FINITE", "R_QUANTITY"]),
        ("7", ["R_FUTURE_DATE"]),
    ]


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("shop.nothing", "cannot be read: Catalog Error: "),
        ("shop.", "is no name"),
        ("a.b.c.d", "is no name"),
        ('shop.lines"; drop schema shop; --', "cannot be read: Catalog Error: "),
        (
            "shop.lines",
            '"quantity", "unit_price" or "line_amount" not found in shop.lines. Found: ',
        ),
        ("shop.twice", 'Several columns could be "invoice_no"'),
    ],
)
def test_a_relation_that_cannot_be_read_is_refused_with_its_columns(database, relation, words):
    database.execute(
        "create table shop.lines as select 1 as invoice_no, 'A' as sku, date '2011-01-01' as "
        "invoice_date, 7 as customer"
    )
    database.execute(
        "create view shop.twice as select *, 1 as invoice, 1 as qty, 1 as price from shop.lines"
    )
    with pytest.raises(CustomerIntelligenceError, match=r"^E_BAD_RELATION: ") as caught:
        relation_rows(database, relation)
    assert words in str(caught.value)


def test_a_build_on_an_attached_relation_has_the_ledger_of_the_sample(tmp_path, published_dir):
    """As docs/your-data.md attaches one."""
    shutil.copy(ROOT / "data" / "sample" / "shop.yml", tmp_path)
    with duckdb.connect(str(tmp_path / "till.duckdb")) as database:
        database.execute("create schema shop")
        columns = (
            "invoice_no, stock_code, description, quantity, invoiced_at, unit_price, customer_id"
        )
        database.execute(
            f"create table shop.lines as select {columns}, country from read_parquet('{SAMPLE}') "
            "union all by name select '' as invoice_no, 'A' as stock_code, 1 as quantity"
        )
    guide = (ROOT / "docs" / "your-data.md").read_text("utf-8")
    attach = re.search(r"^ +attach:\n.*\n", guide, flags=re.M)[0].replace("/data/", f"{tmp_path}/")
    profile = (ROOT / "profiles.yml").read_text("utf-8")
    settings = "      config_options:\n"
    assert profile.count(settings) == 1
    (tmp_path / "profiles.yml").write_text(profile.replace(settings, attach + settings))
    result = run_dbt(
        tmp_path,
        *("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
        *("--select", "+rpt_line_dispositions", "+rpt_quarantine", "+rpt_loads"),
        *("--profiles-dir", str(tmp_path)),
        variables={"raw_relation": "till.shop.lines"},
    )
    assert result.returncode == 0, result.stdout[-3000:]
    ledger = "select disposition, lines, amount from rpt_line_dispositions order by all"
    with duckdb.connect(str(tmp_path / "build" / "warehouse.duckdb")) as database:
        database.execute("use warehouse.evidence")
        found = database.execute(ledger).fetchall()
        quarantine = database.execute("select reason, records from rpt_quarantine order by all")
        assert quarantine.fetchall() == [
            ("R_INVOICE_DATE", 1), ("R_INVOICE_NO", 1), ("R_UNIT_PRICE", 1),
        ]  # fmt: skip
        loaded = database.execute(
            "select * exclude (first_invoice_date, last_invoice_date) from rpt_loads"
        )
        records = loaded.fetchall()
    with open_marts(published_dir) as marts:
        assert found == marts.execute(ledger).fetchall()
        (rows_in,) = marts.execute("select rows_in from build_info").fetchone()
    assert records == [
        ("till.shop.lines", 1, "till.shop.lines", None, rows_in + 1, rows_in, 1, 0, None, None)
    ]


# ---------- the real file


def test_online_retail_is_read_exactly_from_parquet_and_from_latin1_csv(real_data, tmp_path):
    result = ingest_file(real_data, tmp_path / "parquet")
    text = tmp_path / "utf8.csv"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select * replace (concat(month(InvoiceDate), '/', day(InvoiceDate), '/', "
            "year(InvoiceDate), ' ', hour(InvoiceDate), ':', strftime(InvoiceDate, '%M')) "
            "as InvoiceDate) from read_parquet($source)) to $target (format csv, header)",
            {"source": str(real_data), "target": str(text)},
        )
        path = tmp_path / "online_retail.csv"
        path.write_bytes(text.read_bytes().decode("utf-8").encode("latin-1"))
        other = ingest_file(path, tmp_path / "csv")
        assert (result.records, result.quarantined) == (541_909, 0)
        assert (other.records, other.quarantined) == (541_909, 0)
        files = [str(load.path / "invoice_lines.parquet") for load in (result, other)]
        total = connection.execute(
            "select sum(quantity * unit_price) from read_parquet(?)", files[:1]
        ).fetchone()
        assert total == (Decimal("9747747.9340"),)
        rows = f"select {COMPARED} from read_parquet(?)"
        for one, two in (files, files[::-1]):
            different = connection.execute(f"{rows} except all {rows}", [one, two]).fetchall()
            assert different == []
