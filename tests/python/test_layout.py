"""Whatever the shape of a shop's file, each line is read once, for its customer, to the penny."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest
from corpus.workbooks import SHEET, workbook

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file
from customer_intelligence.ingest import load as loads
from customer_intelligence.ingest.pseudonyms import KEY_VARIABLE, pseudonym, stored_id
from customer_intelligence.ingest.relation import find_relation
from customer_intelligence.ingest.tombstones import add_tombstone

CASES = Path(__file__).parents[1] / "cases"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
KEY = "correct horse battery staple, and more of it"


def load(path: Path, tmp_path: Path, **said):
    """Load a file as a user would, into a data directory of its own."""
    mapping = SourceMapping(**said) if said else None
    return ingest_file(path, tmp_path / f"data {len(list(tmp_path.iterdir()))}", mapping)


def write(tmp_path: Path, *lines: str, header: str = HEADER, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def rows(result, columns: str, where: str = "true") -> list[tuple]:
    """Return columns of a load's rows, in the order of the file."""
    path = str(result.path / "invoice_lines.parquet")
    query = f"select {columns} from read_parquet(?) where {where} order by record_number"
    with duckdb.connect() as connection:
        return connection.execute(query, [path]).fetchall()


def bought_by(tmp_path: Path, customers: list[str], column: str = "customer_id", **said):
    """Return what becomes of ids: the id, None of nobody, or the reason against it."""
    lines = [f"1,2,T,1,2022-01-01,10,{customer},FR" for customer in customers]
    result = load(write(tmp_path, *lines), tmp_path, **said)
    return [
        reasons[0] if reasons else value for value, reasons in rows(result, f"{column}, reasons")
    ]


# ---------- identity


def test_all_spellings_of_a_customer_are_one(tmp_path):
    ann = ["Ann@X.com", "ann@x.com", " ann@x.com ", "a\u200bnn@x.com\u00a0", "ANN@X.COM"]
    assert bought_by(tmp_path, ann) == ["ann@x.com"] * 5
    number = ["123", "123.0", " 123", "\ufeff123.0"]
    assert bought_by(tmp_path, number) == ["123"] * 4
    # Zeros and the case of a code may mean something; the first digit of a phone is a plus.
    others = ["0123", "ab-1", "AB-1", "+491700000000", "N/A\u200b", "Zoë Q"]
    assert bought_by(tmp_path, others) == [*others[:4], None, "Zoë Q"]


def test_invoices_and_products_have_one_spelling_too(tmp_path):
    lines = ["\u200bA 1\u00a0,b 2 ,T,1,2022-01-01,10,c,FR", "A 1,b 2,T,1,2022-01-01,10,c,FR"]
    result = load(write(tmp_path, *lines), tmp_path)
    assert rows(result, "invoice_no, stock_code") == [("A 1", "b 2")] * 2


def test_email_case(tmp_path):
    result = load(CASES / "email-case" / "orders.csv", tmp_path)
    orders = rows(result, "invoice_no", "customer_id = 'ann@x.com'")
    assert orders == [("#2006",), ("#2007",)]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "pseudonymised"])
def test_whoever_was_erased_stays_so_under_every_spelling_and_in_texts(tmp_path, monkeypatch, key):
    if key:
        monkeypatch.setenv(KEY_VARIABLE, key)
    data = tmp_path / "data"
    path = write(tmp_path, "1,2,T,1,2022-01-01,10,other,FR", name="first.csv")
    raw = ingest_file(path, data).path.parent
    add_tombstone(raw, stored_id("ANN@x.com", loads.read_manifests(raw)), dt.datetime.now(dt.UTC))
    path = write(
        tmp_path,
        "1,2,for Ann@X.com and ANN@X.COM,1,2022-01-01,10, aNn@x.com,FR",
        "2,2,for Bob@X.com,1,2022-01-01,10,Bob@x.com,FR",
        "2,2,T,many,2022-01-01,10,Ann@X.com,FR",
    )
    result = ingest_file(path, data)
    bob = pseudonym(key, "bob@x.com") if key else "bob@x.com"
    shown = bob if key else "Bob@X.com"
    assert rows(result, "customer_id, description", "len(reasons) = 0") == [
        (None, "for  and "),
        (bob, f"for {shown}"),
    ]
    assert "nn@" not in str(rows(result, "columns(*)")).lower()


def test_email_or_phone(tmp_path, monkeypatch):
    columns = {
        "invoice_no": "Name",
        "invoice_date": "Created at",
        "customer_id": ["Email", "Phone"],
        "stock_code": "Lineitem sku",
        "quantity": "Lineitem quantity",
        "unit_price": "Lineitem price",
    }
    path = CASES / "email-or-phone" / "orders.csv"
    customers = rows(load(path, tmp_path, columns=columns), "customer_id")
    assert customers == [("a@example.org",), ("+100000001",), ("+100000001",)]
    # Who stands in the other column is hidden as well.
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    header = path.read_text().splitlines()[0]
    path = write(
        tmp_path,
        "#1,2021-01-01,Ann@example.org,+491700000000,X,many,10.00",
        "#2,2021-01-01,NULL,+491700000000,X,1,10.00",
        header=header,
    )
    result = load(path, tmp_path, columns=columns)
    ann, phone = pseudonym(KEY, "ann@example.org"), pseudonym(KEY, "+491700000000")
    assert rows(result, "customer_id") == [(ann,), (phone,)]
    raw = json.loads(rows(result, "raw_record")[0][0])
    assert (raw["Email"], raw["Phone"]) == (ann, phone)


def test_scientific_ids(tmp_path):
    result = load(CASES / "scientific-ids" / "lines.csv", tmp_path)
    lost = rows(result, "reasons", "customer_id like '%E+11'")
    assert lost == [(["R_LOST_DIGITS"],)] * (result.quarantined or 1)
    assert any("format the column of ids as text" in note for note in result.notes)
    reason = "R_LOST_DIGITS"
    shortened = ["1.23457E+11", '"1,23457E+11"', "1.2e17", "1E+05", " 4.9171E+12 "]
    for column, at in (("customer_id", 6), ("invoice_no", 0), ("stock_code", 1)):
        lines = [["1", "2", "T", "1", "2022-01-01", "10", "c", "FR"] for _ in shortened]
        for line, text in zip(lines, shortened, strict=True):
            line[at] = text
        found = load(write(tmp_path, *map(",".join, lines)), tmp_path)
        assert rows(found, "reasons") == [([reason],)] * 5, column
    codes = ["12E45", "1E5", "E+11", "1.2.3E+4", "e12@x.org"]
    assert bought_by(tmp_path, codes) == codes


def test_ids_of_a_workbook_that_are_too_long_for_it(tmp_path):
    result = load(CASES / "workbooks" / "e_longids.xlsx", tmp_path)
    assert result.reasons == {"R_LOST_DIGITS": 20}


def test_words_for_nobody_and_telephones(tmp_path):
    result = load(CASES / "words-for-nobody" / "lines.csv", tmp_path)
    assert len(rows(result, "1", "customer_id is null")) == 14
    result = load(CASES / "phone-ids" / "lines.csv", tmp_path)
    assert len(rows(result, "1", "customer_id like '+4917%'")) == result.records


def test_local_clock(tmp_path):
    columns = {"invoice_date": "created at", "customer_id": "email"}
    columns |= {"invoice_no": "order", "stock_code": "sku"}
    result = load(CASES / "local-clock" / "orders.csv", tmp_path, columns=columns)
    days = rows(result, "invoice_no, strftime(invoiced_at, '%m-%d')")
    assert days == [("A1", "04-01"), ("A2", "04-01"), ("A3", "03-31"), ("A4", "04-02")]


# ---------- money


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        yield connection


def priced(database, prices: list[str]) -> list:
    """Return what is read of prices, None of those in quarantine."""
    database.execute(
        "create or replace table lines as select *, row_number() over () as record_number from ("
        "select '1' as invoice_no, 'A' as stock_code, 'c' as customer_id, 1 as quantity, "
        "timestamp '2022-01-01' as invoice_date, unnest($prices) as unit_price)",
        {"prices": prices},
    )
    query = find_relation(database, "lines", dt.datetime(2026, 1, 1)).query
    found = database.execute(
        f"select unit_price, reasons from ({query}) order by record_number"
    ).fetchall()
    return [None if reasons else value for value, reasons in found]


@pytest.mark.parametrize(
    "prices",
    [
        ["$4.00", "$ 4", "US$4.00", "4.00 USD", "USD 4.00", "$4.00 USD", "4.00 (USD)", "[USD]4.00"],
        ["4,00 €", "€4,00", "4,00\u00a0€", "EUR 4,00", "4,00 EUR"],
        ["zł4.00", "4.00 zł", "4.00 PLN"],
        ["4.00 kr.", "kr 4.00", "4.00kr", "SEK 4"],
        ["₹4.00", "Rs.4.00", "Rs 4"],
        ["R$ 4,00", "BRL 4,00"],
        ["₫4.00", "4.00\u202f₫"],
    ],
)
def test_an_amount_may_carry_the_sign_of_its_currency(database, prices):
    assert priced(database, prices) == [Decimal(4)] * len(prices)


def test_amounts_of_several_currencies_are_not_added(database, tmp_path):
    with pytest.raises(CustomerIntelligenceError, match=r"E_MIXED_CURRENCIES: .*several"):
        priced(database, ["$4.00", "€4.00"])
    # A shop whose currency is said counts only what is in it.
    lines = [f"1,A,T,1,2022-01-01,{price},c,FR" for price in ("$4.00", "€4.00")]
    result = load(write(tmp_path, *lines), tmp_path, currency="EUR")
    assert rows(result, "reasons") == [(["R_UNIT_PRICE"],), ([],)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["1,250.00", "9.00"], ["1250", "9"]),
        (["1,250", "9.00"], ["1250", "9"]),
        (["1.250,00", "9,00"], ["1250", "9"]),
        (["1.250", "9,50"], ["1250", "9.5"]),
        (["1 250,00", "9,00"], ["1250", "9"]),
        (["1'250.00", "9.00"], ["1250", "9"]),
        (["1,250,000", "9"], ["1250000", "9"]),
        (["($1,250.00)", "9.00"], ["-1250", "9"]),
        (["0,750", "9"], ["0.75", "9"]),
        (["0.750", "1.25"], ["0.75", "1.25"]),
        # Nothing shows what the comma is, or the file contradicts itself.
        (["1,250", "9"], [None, "9"]),
        (["1,250.00", "9,50"], [None, None]),
        (["1,25.00", "9.00"], [None, "9"]),
    ],
)
def test_thousands_are_read_where_the_file_proves_them(database, written, meant):
    expected = [None if text is None else Decimal(text) for text in meant]
    assert priced(database, written) == expected


def test_a_mark_that_may_be_either_is_asked_for_by_name(tmp_path):
    result = load(write(tmp_path, '1,2,T,1,2022-01-01,"1,250",c,FR'), tmp_path)
    assert any("`thousands:" in note and "`decimal:" in note for note in result.notes)


def test_parentheses(tmp_path):
    columns = {
        "invoice_no": "Transaction ID",
        "invoice_date": "Date",
        "customer_id": "Customer ID",
        "quantity": "Qty",
        "stock_code": ["SKU", "Item"],
        "description": "Item",
        "line_amount": "Net Sales",
    }
    result = load(CASES / "parentheses" / "parentheses.csv", tmp_path, columns=columns)
    amounts = [Decimal("8.00"), Decimal("-4.00"), Decimal("1250.00")]
    assert [amount for (amount,) in rows(result, "line_amount")] == amounts


def test_percent_is_a_share_of_a_hundred(tmp_path):
    header = HEADER + ",Off"
    lines = [f"{at},2,T,2,2022-01-01,10,c,FR,{off}" for at, off in enumerate(("12%", "0 %", ".5"))]
    derived = {"line_amount": "UnitPrice * Quantity * (1 - Off)"}
    result = load(write(tmp_path, *lines, header=header), tmp_path, derived=derived)
    amounts = [amount for (amount,) in rows(result, "line_amount")]
    assert amounts == [Decimal("17.60"), Decimal(20), Decimal(10)]


LINES = ["1,A,T,2,2022-01-01,10,c,FR", "2,B,T,1,2022-01-02,5,d,FR"]


@pytest.mark.parametrize(
    "total",
    [
        "Total,,,,,25.00,,",
        "Summe:,,,3,2022-01-31,8.33,,",
        ",,Grand Total,,,25.00,,",
        "3,,GESAMT,1,2022-01-31,25.00,,",
        "3,Total,,1,2022-01-31,25.00,,FR",
    ],
)
def test_a_line_of_totals_is_no_sale(tmp_path, total):
    result = load(write(tmp_path, *LINES, total), tmp_path)
    assert result.reasons == {"R_TOTAL_ROW": 1}
    assert [reasons for (reasons,) in rows(result, "reasons")][:2] == [[], []]


def test_subtotals_and_the_total_of_all_are_no_sales(tmp_path):
    subtotal = "9,,Subtotal,1,2022-01-31,25,,"
    more = ["3,A,T,1,2022-02-01,7,c,FR", "9,,Subtotal,1,2022-02-28,7,,"]
    result = load(write(tmp_path, *LINES, subtotal, *more, "9,,Total,1,2022-02-28,32,,"), tmp_path)
    assert result.reasons == {"R_TOTAL_ROW": 3}
    assert rows(result, "sum(quantity * unit_price)::int as record_number", "reasons = []") == [
        (32,)
    ]


def test_what_is_only_called_total_is_sold(tmp_path):
    result = load(write(tmp_path, *LINES, "3,C,Total,1,2022-02-01,7,c,FR"), tmp_path)
    assert result.quarantined == 0


def test_two_columns_that_claim_to_be_the_amount_are_told(tmp_path):
    header = HEADER + ",Line Total"
    lines = [
        "1,A,T,2,2022-01-01,10,c,FR,20",
        "2,B,T,2,2022-01-02,5,d,FR,9",
        "3,B,T,1,2022-01-02,5,d,FR,5",
    ]
    path = write(tmp_path, *lines, header=header)
    for said in ({}, {"columns": {"line_amount": "Line Total"}}):
        (note,) = [note for note in load(path, tmp_path, **said).notes if "stated amounts" in note]
        assert note.startswith("has 1 lines whose stated amounts (9.00)")
        assert "price times quantity (10.00)" in note


# ---------- layout

AMAZON = {
    "invoice_no": "order id",
    "invoice_date": "date/time",
    "customer_id": "settlement id",
    "line_amount": "product sales",
}


def test_a_header_below_other_lines_is_found_by_its_names(tmp_path):
    path = CASES / "preamble" / "orders.csv"
    result = load(path, tmp_path, columns=AMAZON, dates="%b %d, %Y %I:%M:%S %p PST")
    assert rows(result, "record_number, line_number, invoice_no, line_amount, reasons") == [
        (1, 5, "111-1", Decimal(10), [])
    ]
    assert "has its header on line 4; what is above it is not read" in result.notes


@pytest.mark.parametrize("above", ["Sales 2022,,,,,,,", 'of "Shop", 2022', "a;b;c\n\n", ",,,,,,,"])
def test_lines_above_are_no_records_and_lines_keep_their_numbers(tmp_path, above):
    path = write(tmp_path, HEADER, *LINES, header=above)
    result = load(path, tmp_path, encoding="utf-8")
    assert (result.records, result.quarantined) == (2, 0)
    first = 3 + above.count("\n")
    assert rows(result, "line_number") == [(first,), (first + 1,)]
    damaged = write(tmp_path, HEADER, *LINES, "few", header=above, name="b.csv")
    result = load(damaged, tmp_path, encoding="utf-8")
    assert rows(result, "line_number, reasons", "reasons != []") == [(first + 2, ["R_FIELD_COUNT"])]


def test_the_line_of_the_header_can_be_said(tmp_path):
    header = HEADER.replace("CustomerID", "Customer")
    path = write(tmp_path, header, *LINES)
    assert rows(load(path, tmp_path, header_row=2), "customer_id") == [("c",), ("d",)]
    with pytest.raises(CustomerIntelligenceError, match="E_NO_HEADER"):
        load(path, tmp_path, header_row=3)
    with pytest.raises(CustomerIntelligenceError, match="nothing on line 9"):
        load(path, tmp_path, header_row=9)


def test_a_header_that_comes_again_is_no_sale(tmp_path):
    path = write(tmp_path, LINES[0], HEADER, LINES[1], "\ufeff" + HEADER)
    result = load(path, tmp_path)
    assert (result.records, result.reasons) == (4, {"R_REPEATED_HEADER": 2})


def test_blanks_between_columns(tmp_path):
    columns = {"invoice_date": "date", "quantity": "number_of_cds", "line_amount": "dollar_value"}
    said = {"columns": columns, "absent": ["invoice_no", "stock_code"]}
    result = load(CASES / "blanks-between-columns" / "orders.txt", tmp_path, **said)
    assert rows(result, "customer_id, invoiced_at::date::varchar, quantity::int, line_amount") == [
        ("00001", "2021-01-01", 1, Decimal("11.77")),
        ("00002", "2021-01-12", 1, Decimal("12.00")),
        ("00002", "2021-01-12", 5, Decimal("77.00")),
    ]


def test_columns_of_fixed_width_are_cut_where_all_lines_are_blank(tmp_path):
    path = tmp_path / "fixed.txt"
    path.write_text(
        "Invoice SKU   Description  Qty InvoiceDate       Price Customer\n"
        "1       A 1   Blue mug       2 2022-01-01 10:00   5.00 c\n"
        "2       B2    Tea            1 2022-01-02 10:00  10.00 \n"
        "3       B2                  10 2022-01-02 10:00   1.00 d\n"
        "4       B2    Far too long a text 2022-01-02      1.00 d\n"
    )
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], *[lines[3]] * 46, lines[4]]))
    result = load(path, tmp_path, encoding="utf-8")
    assert rows(result, "stock_code, description, unit_price, customer_id")[:3] == [
        ("A 1", "Blue mug", Decimal(5), "c"),
        ("B2", "Tea", Decimal(10), None),
        ("B2", None, Decimal(1), "d"),
    ]
    assert (result.records, result.reasons) == (50, {"R_FIELD_COUNT": 1})


@pytest.mark.parametrize(
    ("name", "records", "amount"),
    [
        ("preamble/title.xlsx", 5, 150),
        ("workbooks/a_title.xlsx", 20, 100),
        ("workbooks/b_merged.xlsx", 20, 100),
        ("workbooks/c_order.xlsx", 40, 200),
        ("workbooks/c2_names.xlsx", 40, 200),
    ],
)
def test_workbooks(tmp_path, name, records, amount):
    said = {"columns": {"line_amount": "Sales"}} if Path(name).name == "title.xlsx" else {}
    result = load(CASES / name, tmp_path, **said)
    assert (result.records, result.quarantined) == (records, 0)
    amounts = "sum(coalesce(line_amount, quantity * unit_price))::int"
    by_sheet = "count(distinct customer_id) >= 3 and bool_and(len(stock_code) <= 5)"
    assert rows(result, f"{amounts}, {by_sheet}, 1 as record_number") == [(amount, True, 1)]


def test_merged_cells_repeat_who_and_when_and_never_money(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    lines = [[1, "A", "T", 1, dt.datetime(2022, 1, 1), 10, "c", "FR"]]
    lines += [[None, "B", "T", 1, None, None, None, None], [2, *lines[0][1:6], None, "FR"]]
    for line in [HEADER.split(","), *lines]:
        sheet.append(line)
    for area in ("A2:A3", "E2:E3", "F2:F3", "G2:G3"):
        sheet.merge_cells(area)
    book.save(tmp_path / "a.xlsx")
    assert rows(load(tmp_path / "a.xlsx", tmp_path), "invoice_no, customer_id, reasons") == [
        ("1", "c", []),
        ("1", "c", ["R_UNIT_PRICE"]),
        ("2", None, []),
    ]


def test_a_workbook_as_excel_saves_it_is_read(tmp_path):
    line = [1, "A", "T", 1, dt.datetime(2022, 1, 1), 10, "c", "FR"]
    namespaces = b"""<worksheet xmlns:r="http://example.org/r" xmlns:xr='http://example.org/xr' """
    content = workbook(
        {"Sales": [HEADER.split(","), line]},
        parts={SHEET: lambda xml: xml.replace(b"<worksheet ", namespaces)},
    )
    (tmp_path / "a.xlsx").write_bytes(content)
    assert rows(load(tmp_path / "a.xlsx", tmp_path), "customer_id, reasons") == [("c", [])]


def test_a_second_sheet_that_lacks_a_column_is_refused_by_name(tmp_path):
    book = openpyxl.Workbook()
    for title, lost in (("2021", None), ("2022", "InvoiceDate"), ("Notes", None)):
        sheet = book.create_sheet(title)
        if title == "Notes":
            sheet.append(["Country", "Contact"])
            continue
        sheet.append([f"x{name}" if name == lost else name for name in HEADER.split(",")])
        sheet.append([1, "A", "T", 1, dt.datetime(2022, 1, 1), 10, "c", "FR"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(
        CustomerIntelligenceError, match=r"E_OTHER_SHEET: The sheet 2022 of a\.xlsx"
    ):
        load(tmp_path / "a.xlsx", tmp_path)


# ---------- dates


def dated(database, dates: list[str]) -> list:
    """Return when lines with these dates were sold; None where that cannot be read."""
    database.execute(
        "create or replace table lines as select *, row_number() over () as record_number from ("
        "select '1' as invoice_no, 'A' as stock_code, 'c' as customer_id, 1 as quantity, "
        "unnest($dates) as invoice_date, 1 as unit_price)",
        {"dates": dates},
    )
    query = find_relation(database, "lines", dt.datetime(2026, 1, 1)).query
    found = database.execute(
        f"select invoiced_at::varchar from ({query}) order by record_number"
    ).fetchall()
    return [moment for (moment,) in found]


@pytest.mark.parametrize(
    ("dates", "moment"),
    [
        (
            [
                "Jan 13, 2021 3:45:10 PM PST",
                "January 13, 2021 at 3:45:10 PM",
                "Wed, 13 Jan 2021 15:45:10 +0100",
                "13-Jan-2021 15:45:10",
                "13 jan. 2021 15:45:10",
                "13. Januar 2021 15:45:10",
                "Mittwoch, 13. Jänner 2021 um 15:45:10",
                "13 janvier 2021 15:45:10",
                "13 de enero de 2021 15:45:10",
                "13 de janeiro de 2021 15:45:10",
                "13 gennaio 2021 15:45:10",
                "2021-01-13 03:45:10 PM",
                "2021-01-13 3:45:10 p.m.",
            ],
            "2021-01-13 15:45:10",
        ),
        (["13.01.2021 15:45", "13.01.21 15:45", "13/01/21 3:45 pm"], "2021-01-13 15:45:00"),
        (["12/26/21", "12/26/2021", "12/26/21 12:00 AM", "20211226"], "2021-12-26 00:00:00"),
        (["1 août 2021", "Aug 1, 2021", "1 agosto 2021", "1. Aug. 2021"], "2021-08-01 00:00:00"),
        (
            ["15 mars 2021", "15. März 2021", "15 março 2021"],
            "2021-03-15 00:00:00",
        ),
        (
            ["3 déc. 2021", "3. Dez. 2021", "December 3rd, 2021"],
            "2021-12-03 00:00:00",
        ),
    ],
)
def test_a_date_is_read_as_people_and_programs_write_it(database, dates, moment):
    assert dated(database, dates) == [moment] * len(dates)


def test_what_is_no_date_is_none(database):
    assert (
        dated(database, ["Jan 2021", "31 Feb 2021", "13 Foo 2021", "yesterday", "20211345"])
        == [None] * 5
    )
    # A year of two digits may stand first where the marks are those of ISO dates.
    assert dated(database, ["21-12-26", "2021-01-01"]) == [None, "2021-01-01 00:00:00"]


def test_etsy_and_xero_dates(tmp_path):
    columns = {"invoice_date": "Sale Date", "customer_id": "Buyer", "stock_code": "Item Name"}
    result = load(CASES / "empty-column" / "etsy_like.csv", tmp_path, columns=columns)
    assert rows(result, "day(invoiced_at)") == [(26,), (27,), (28,)]


def test_an_offset_in_the_middle_keeps_the_clock(tmp_path):
    path = write(tmp_path, "1,A,T,1,Wed Apr 01 01:30:00 +0500 2026,10,c,FR")
    result = load(path, tmp_path, dates="%a %b %d %H:%M:%S %z %Y")
    assert rows(result, "invoiced_at::varchar") == [("2026-04-01 01:30:00",)]


def test_day_and_time_in_two_columns(tmp_path):
    said = {"columns": {"invoice_date": ["InvoiceDate", "Time"]}}
    lines = ["1,A,T,1,05/14/2021,10,c,FR,16:05:11", "2,A,T,1,05/15/2021,10,c,FR,"]
    moments = [("2021-05-14 16:05:11",), ("2021-05-15 00:00:00",)]
    path = write(tmp_path, *lines, header=HEADER + ",Time")
    assert rows(load(path, tmp_path, **said), "invoiced_at::varchar") == moments
    book = openpyxl.Workbook()
    book.active.append([*HEADER.split(","), "Time"])
    day = dt.datetime(2021, 5, 14)
    book.active.append([1, "A", "T", 1, day, 10, "c", "FR", dt.time(16, 5, 11)])
    book.active.append([1, "A", "T", 1, day + dt.timedelta(1), 10, "c", "FR", None])
    book.save(tmp_path / "a.xlsx")
    assert rows(load(tmp_path / "a.xlsx", tmp_path, **said), "invoiced_at::varchar") == moments


def test_the_status_of_an_order_may_stand_in_two_columns(tmp_path):
    path = write(
        tmp_path,
        "1,A,T,1,2022-01-01,10,c,FR,paid,cash",
        "2,A,T,1,2022-01-01,10,c,FR,,test gateway",
        "3,A,T,1,2022-01-01,10,c,FR,,",
        header=HEADER + ",Status,Gateway",
    )
    words = rows(load(path, tmp_path, columns={"status": ["Status", "Gateway"]}), "order_status")
    assert [word for (word,) in words] == ["paid | cash", "test gateway", None]


def test_a_parquet_file_without_a_text_is_read(tmp_path):
    path = tmp_path / "baskets.parquet"
    duckdb.execute(
        "copy (select 31198570044 + n as basket_id, 1095275 + n as product_id, "
        "900 as household_id, 1 as quantity, 0.5::double as sales_value, "
        "timestamp '2017-01-01 11:53:26' as sold_at "
        f"from range(3) as numbers (n)) to '{path}' (format parquet)"
    )
    columns = {"invoice_no": "basket_id", "stock_code": "product_id", "invoice_date": "sold_at"}
    columns |= {"customer_id": "household_id", "line_amount": "sales_value"}
    assert (
        rows(load(path, tmp_path, columns=columns), "customer_id, line_amount, reasons")
        == [("900", Decimal("0.5"), [])] * 3
    )
