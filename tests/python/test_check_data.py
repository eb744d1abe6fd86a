"""A stranger's file gets through: what check-data says is what a load and a build then do."""

from __future__ import annotations

import csv
import datetime as dt
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import dispositions
import duckdb
import openpyxl
import pytest
from conftest import ROOT, WITHOUT_MODELS, build, ingested, one_more_build

from customer_intelligence import check_data, open_marts
from customer_intelligence.cli import commands
from customer_intelligence.cli.commands import main
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file, read_mapping
from customer_intelligence.ingest.presets import matching_preset, preset
from customer_intelligence.ingest.shop import read_shop

SAMPLE = next((ROOT / "data" / "sample" / "raw").glob("*/invoice_lines.parquet"))


@pytest.fixture(autouse=True)
def cheap(request, monkeypatch):
    """Run the compiled SQL instead of dbt, except where a test is about dbt."""
    if "stranger" not in request.fixturenames:
        monkeypatch.setattr(
            commands, "run_dbt", lambda project, scratch, *arguments: dispositions.run(scratch)
        )


def written(path: Path, header: str, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding=encoding)
    return path


def drafted(path: Path) -> dict:
    return check_data.draft_of(path).content


def raw_rows(data_dir: Path, columns: str) -> list[tuple]:
    return duckdb.execute(
        f"select {columns} from read_parquet('{data_dir}/raw/*/invoice_lines.parquet') "
        "order by load_number, record_number"
    ).fetchall()


LEDGER = re.compile(r"^  (\S.*?)  +(\S+ +\S+)  counts in ", re.MULTILINE)


# ---------------------------------------------------------------- a shop from file to marts


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Path:
    """Another shop: own headers and codes, line totals, M/D/YYYY, no country, a cancelled flag."""
    path = tmp_path_factory.mktemp("stranger") / "orders.csv"
    duckdb.execute(
        f"""
        copy (
            select
                'CH-' || invoice_no as "Order No",
                strftime(invoiced_at, '%-m/%-d/%Y %H:%M') as created,
                'c' || customer_id || '@example.com' as cust,
                'item ' || stock_code as product,
                quantity::integer as qty,
                round(quantity * unit_price, 2) as total,
                case when invoice_no like '%7' then 'yes' else 'no' end as "Cancelled?"
            from read_parquet('{SAMPLE}')
            where regexp_matches(invoice_no, '^[0-9]') and quantity > 0 and unit_price > 0.01
                and coalesce(try_cast(customer_id as bigint) % 5, 0) = 0
            order by record_number
        ) to '{path}' (header)
        """
    )
    return path


@one_more_build
def test_a_stranger_gets_from_the_file_to_the_marts(stranger, tmp_path, capsys):
    mapping, data_dir = tmp_path / "mapping.yml", tmp_path / "data"
    assert main(["check-data", str(stranger), "--out", str(mapping)]) == 0
    report = capsys.readouterr().out
    assert f"make build DATA={stranger} MAPPING={mapping}" in report
    read = f"read_csv('{stranger}', all_varchar = true)"
    amount = "sum(cast(total as decimal(18, 2)))"
    ((rows, money),) = duckdb.execute(f"select count(*), {amount} from {read}").fetchall()
    ((lost,),) = duckdb.execute(
        f"select {amount} from {read} where \"Cancelled?\" = 'yes'"
    ).fetchall()
    ((known,),) = duckdb.execute(
        f"select count(distinct cust) from {read} where \"Cancelled?\" = 'no'"
    ).fetchall()
    assert f"{rows:,} in the file = {rows:,} to load + 0 quarantined" in report
    assert f"lines add up to {money:,.2f}" in report
    told = {label: " ".join(figures.split()) for label, figures in LEDGER.findall(report)}

    ingested(stranger, data_dir, mapping)
    build(data_dir, variables=WITHOUT_MODELS)

    with open_marts(data_dir) as marts:
        ledger = {
            name: (lines, amount)
            for name, lines, amount in marts.execute(
                "select disposition, lines, amount from rpt_line_dispositions"
            ).fetchall()
        }
        customers, revenue = marts.execute(
            "select count(*), sum(net_revenue) from dim_customers"
        ).fetchone()
    assert sum(amount or 0 for _, amount in ledger.values()) == money
    with open_marts(data_dir) as marts:
        built = marts.execute("select label, lines, amount from rpt_line_dispositions").fetchall()
    assert told == {label: f"{lines:,} {amount:,.2f}" for label, lines, amount in built}
    assert sum(lines for lines, _ in ledger.values()) == rows
    assert ledger["cancelled_order"][1] == lost
    assert {name for name, (lines, _) in ledger.items() if lines} == {
        "sale", "sale_anonymous", "cancelled_order", "non_product",
    }  # fmt: skip
    assert revenue == ledger["sale"][1]
    assert customers == known

    # The docs know the shop's rules too, and their one picture is inside.
    docs = tmp_path / "docs.html"
    made = subprocess.run(
        ["make", "-C", ROOT, "docs", f"OUT={docs}", f"DATA_DIR={data_dir}"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-1000:]
    page = docs.read_text("utf-8")
    assert "data:image/svg+xml;base64," in page
    assert "assets/pipeline.svg" not in page


def test_what_is_reported_is_what_a_load_quarantines(tmp_path, capsys):
    path = written(
        tmp_path / "orders.csv",
        "order_id,order_date,customer_id,sku,qty,price",
        "1,2024-01-05,a,X,1,2.50",
        "2,2024-13-05,a,X,1,2.50",
        "3,2024-01-05,a,X,one,2.50",
        "4,2024-01-05,a,X,1,gratis",
        ",2024-01-05,a,X,1,2.50",
        *["5,2024-01-06,b,X,1,2.50"] * 9,
    )
    mapping = tmp_path / "mapping.yml"
    assert main(["check-data", str(path), "--out", str(mapping)]) == 0
    report = capsys.readouterr().out
    result = ingest_file(path, tmp_path / "data", read_mapping(mapping))
    assert result.quarantined == 4
    assert f"{result.accepted} to load + {result.quarantined} quarantined" in report
    for reason, records in result.reasons.items():
        assert f"quarantined {reason}: {records} record" in report


def test_looking_leaves_nothing_behind(tmp_path, monkeypatch):
    path = written(tmp_path / "o.csv", "created,cust,total", "2024-01-05,a,2.50")
    monkeypatch.chdir(tmp_path)
    assert main(["check-data", str(path)]) == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_mapping_that_a_person_wrote_is_never_replaced(tmp_path, capsys):
    path = written(tmp_path / "o.csv", "created,cust,total", "2024-01-05,a,2.50")
    out = tmp_path / "mapping.yml"
    arguments = ["check-data", str(path), "--out", str(out)]
    assert main(arguments) == 0
    assert main(arguments) == 0  # an unchanged draft may be drafted again
    out.write_text(out.read_text() + "currency: EUR\n")
    before = out.read_bytes()
    capsys.readouterr()
    assert main(arguments) == 2
    assert "E_EXISTS" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert main(["check-data", str(path), "--mapping", str(out)]) == 0
    assert "add up to EUR 2.50" in capsys.readouterr().out


# ---------------------------------------------------------------- what is drafted


def test_three_columns_are_enough(tmp_path):
    path = written(
        tmp_path / "o.csv",
        "created,cust,total",
        "2024-01-05 10:00,a@example.com,2.50",
        "2024-01-05 10:00,a@example.com,4.00",
        "2024-01-06 10:00,a@example.com,-2.50",
        "2024-01-06 10:00,,1.00",
        "2024-01-06 10:00,,1.00",
    )
    content = drafted(path)
    assert content["columns"] == {
        "invoice_date": "created",
        "customer_id": "cust",
        "line_amount": "total",
    }
    ingest_file(path, tmp_path / "data", SourceMapping(**content))
    rows = raw_rows(tmp_path / "data", "invoice_no, quantity, unit_price, line_amount")
    invoices = [row[0] for row in rows]
    # Two lines of one customer at one time are an order; of nobody known, each line is.
    assert invoices[0] == invoices[1]
    assert len(set(invoices)) == 4
    assert "a@example" not in "".join(invoices)
    assert [row[1:] for row in rows[1:3]] == [(1, 4, 4), (-1, Decimal("2.5"), Decimal("-2.5"))]


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        (
            "Order No;Order Date;Client;Article;Pieces;Item Price",
            "7;31.12.2023;K-1;A 1;2;1.234,50 €",
            {"dates": "dmy", "decimal": ",", "thousands": ".", "currency": "EUR"},
        ),
        ("Receipt\tDate\tMember\tSKU\tQty\tPrice", "7\t12/31/23\t5\tA\t2\t1.50",
         {"dates": "%m/%d/%y"}),
        ("invoice|time|buyer|item|units|amount", "R7|12/31/2023 9:05 PM|x|y|1|$2,345.10",
         {"dates": "mdy", "thousands": ",", "currency": "USD"}),
        ("order,created at,paid at,customer name,email,code,qty,price,line total",
         "ORD-1,2024-01-05,2024-01-09,Ann,ann@x.de,A,2,1.50,3.00", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_marks_dates_and_currency_are_told_from_values(tmp_path, header, line, expected, encoding):
    path = written(tmp_path / "o.csv", header, *[line] * 3, encoding=encoding)
    content = drafted(path)
    formats = {key: value for key, value in content.items() if key not in ("columns", "absent")}
    assert formats == expected
    result = ingest_file(path, tmp_path / "data", SourceMapping(**content))
    assert (result.records, result.quarantined) == (3, 0)


def test_the_likelier_of_several_columns_is_taken(tmp_path):
    path = written(
        tmp_path / "o.csv",
        "order,order channel,created at,paid at,customer name,email,ship date,code,qty,price,tax",
        "ORD-1,web,2024-01-05,2024-01-09,Ann,ann@x.de,2024-02-01,A,2,1.50,0.10",
    )
    assert drafted(path)["columns"] == {
        "invoice_date": "created at",
        "invoice_no": "order",
        "customer_id": "email",
        "unit_price": "price",
        "quantity": "qty",
        "stock_code": "code",
    }


def test_order_numbers_of_six_digits_are_no_dates(tmp_path):
    """strptime takes 500012 for a day of the year 5000; 20111209 may be one of 2011."""
    lines = [f"5000{n:02d},1/{n}/2011,c{n},sku,{n}.50" for n in range(11, 30)]
    path = written(tmp_path / "orders.csv", "order ref,placed,buyer,article,line total", *lines)
    columns = drafted(path)["columns"]
    assert (columns["invoice_no"], columns["invoice_date"]) == ("order ref", "placed")
    lines = [f"o{n},201112{n},c{n},sku,{n}.50" for n in range(11, 30)]
    path = written(tmp_path / "days.csv", "order ref,day,buyer,article,line total", *lines)
    assert drafted(path)["columns"]["invoice_date"] == "day"


def test_dates_that_nothing_decides_are_asked_for(tmp_path, capsys):
    path = written(tmp_path / "o.csv", "created,cust,total", "1/2/2024,a,2.50")
    assert main(["check-data", str(path)]) == 2
    report = capsys.readouterr().out
    assert "E_AMBIGUOUS_DATES" in report
    assert "next: correct mapping.yml" in report


def test_a_total_that_every_line_of_an_order_repeats_counts_once(tmp_path):
    lines = [f"{n // 3},2024-01-05,c{n // 3},P{n},10.00" for n in range(90)]
    path = written(tmp_path / "o.csv", "order,date,cust,product,total", *lines)
    content = drafted(path)
    assert content["order_amount"] == '"total"'
    ingest_file(path, tmp_path / "data", SourceMapping(**content))
    amounts = raw_rows(tmp_path / "data", "line_amount")
    assert sum(amount for (amount,) in amounts) == 300
    assert {amount for (amount,) in amounts} == {Decimal("3.3333"), Decimal("3.3334")}


def test_what_an_order_says_once_holds_for_its_lines(tmp_path):
    path = written(
        tmp_path / "o.csv",
        "order,date,customer,sku,qty,price",
        "1,2024-01-05,ann,A,1,2.00",
        "1,,,B,1,3.00",
        "2,2024-01-06,bob,A,1,2.00",
        ",,,A,1,2.00",
    )
    content = drafted(path)
    assert content["once_per_order"] == ["invoice_date", "customer_id"]
    ingest_file(path, tmp_path / "data", SourceMapping(**content))
    rows = raw_rows(tmp_path / "data", "customer_id, invoiced_at::date::varchar, reasons")
    assert rows == [
        ("ann", "2024-01-05", []),
        ("ann", "2024-01-05", []),
        ("bob", "2024-01-06", []),
        (None, None, ["R_INVOICE_DATE", "R_INVOICE_NO"]),
    ]


def test_dates_of_a_workbook_are_said_once_too(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ["order", "created", "customer", "sku", "qty", "price"],
        ["1", dt.datetime(2024, 1, 5, 10), "ann", "A", 1, 2.5],
        ["1", None, None, "B", 1, 2.5],
    ):
        book.active.append(row)
    book.save(tmp_path / "o.xlsx")
    book.close()
    content = drafted(tmp_path / "o.xlsx")
    # True dates need no format, and the one that is said for texts does not touch them.
    mapping = SourceMapping(**{**content, "dates": "%d.%m.%Y"})
    ingest_file(tmp_path / "o.xlsx", tmp_path / "data", mapping)
    rows = raw_rows(tmp_path / "data", "customer_id, invoiced_at, reasons")
    assert rows == [("ann", dt.datetime(2024, 1, 5, 10), [])] * 2


# ---------------------------------------------------------------- Shopify

SHOPIFY = [
    *("Name", "Email", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total"),
    *("Discount Amount", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price"),
    *("Lineitem sku", "Billing Country", "Shipping Country", "Cancelled at", "Refunded Amount"),
    "Lineitem discount",
]


def test_the_sheet_that_speaks_of_sales_is_taken(tmp_path):
    book = openpyxl.Workbook()
    pages = {
        "Summary": [["Years (Order Date)", "Arabica", "Robusta"], [2019, 10, 12], [2020, 7, 9]],
        "Customers": [["Order ID", "Customer ID", "Name"], ["O-1", "c1", "A"], ["O-2", "c2", "B"]],
        "Sales": [
            ["Order ID", "Order Date", "Customer ID", "Product ID", "Quantity", "Unit Price"],
            ["O-1", dt.datetime(2022, 1, 1), "c1", "P-1", 2, 4.5],
            ["O-2", dt.datetime(2022, 1, 2), "c2", "P-2", 1, 3],
        ],
    }
    book.remove(book.active)
    for title, lines in pages.items():
        page = book.create_sheet(title)
        for line in lines:
            page.append(line)
    book.save(tmp_path / "book.xlsx")
    content = drafted(tmp_path / "book.xlsx")
    assert content["columns"]["invoice_date"] == "Order Date"
    ingest_file(tmp_path / "book.xlsx", tmp_path / "data", SourceMapping(**content))
    assert raw_rows(tmp_path / "data", "invoice_no, quantity * unit_price") == [
        ("O-1", 9),
        ("O-2", 3),
    ]
    del book["Sales"]
    book.save(tmp_path / "less.xlsx")
    with pytest.raises(
        CustomerIntelligenceError, match=r"not found in less\.xlsx, sheet Customers"
    ):
        ingest_file(tmp_path / "less.xlsx", tmp_path / "none", SourceMapping(**content))


@pytest.mark.parametrize("separator", [",", " "])
def test_a_file_without_names_of_columns_is_refused(tmp_path, separator):
    lines = ["00001,20210101,1,11.77", "00002,20210112,1,12.00", "00002,20210112,5,77.00"]
    path = tmp_path / "bare.txt"
    path.write_text("".join(line.replace(",", separator) + "\n" for line in lines))
    columns = {"customer_id": "00001", "invoice_date": "20210101", "line_amount": "11.77"}
    absent = ["invoice_no", "stock_code", "quantity"]
    for use in (
        lambda: check_data.draft_of(path),
        lambda: ingest_file(path, tmp_path / "d", SourceMapping(columns=columns, absent=absent)),
    ):
        with pytest.raises(CustomerIntelligenceError, match=r"E_NO_HEADER: bare\.txt has values"):
            use()


def test_a_column_that_is_missing_is_named_once(tmp_path):
    path = written(tmp_path / "o.csv", "date,customer", "2022-01-01,a", "2022-01-02,b")
    content = drafted(path)
    with pytest.raises(CustomerIntelligenceError) as refusal:
        ingest_file(path, tmp_path / "d", SourceMapping(**content))
    assert str(refusal.value).count('"line_amount"') == 1


def test_a_shop_that_knows_few_of_its_customers_by_the_column_is_told_of_others(tmp_path, capsys):
    path = written(
        tmp_path / "o.csv",
        "order,date,email,phone,sku,quantity,line total",
        *(f"{n},2022-01-{n:02d},,+88000{n:03d},P{n},1,10.00" for n in range(1, 9)),
        "9,2022-01-09,a@example.org,+88000009,P9,1,10.00",
    )
    mapping = tmp_path / "m.yml"
    mapping.write_text(
        "columns: {invoice_no: order, invoice_date: date, customer_id: email, stock_code: sku, "
        "quantity: quantity, line_amount: line total}\n"
    )
    assert main(["check-data", str(path), f"--mapping={mapping}"]) == 0
    told = capsys.readouterr().out
    assert "WARNING: only 11.1% of the lines have a customer: 'phone' may identify" in told
    assert "`columns: {customer_id: [email, phone]}`" in told
    assert re.search(r"customer_id +email .* look here", told)


def shopify(path: Path, *orders: dict) -> Path:
    """Write orders as Shopify does: what belongs to an order on its first line only."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, SHOPIFY, restval="")
        writer.writeheader()
        for number, order in enumerate(orders, start=1001):
            order = {"Currency": "EUR", "Refunded Amount": "0.00", "Billing Country": "DE",
                     "Email": f"{number}@example.com", **order}  # fmt: skip
            first = {**order, "Created at": f"2024-03-{number - 1000:02d} 10:00:00 +0100"}
            for name, sku, units, price, discount in first.pop("lines"):
                writer.writerow(
                    {
                        "Name": f"#{number}",
                        "Lineitem name": name,
                        "Lineitem sku": sku,
                        "Lineitem quantity": units,
                        "Lineitem price": price,
                        "Lineitem discount": discount,
                        **{key: value for key, value in first.items()},
                    }
                )
                first = {}
    return path


SOAP, TOWEL = ("Soap", "SO-1", 2, "15.00", "0.00"), ("Towel", "", 1, "20.00", "5.00")


def test_an_order_of_shopify_counts_its_subtotal_and_tells_its_refund(tmp_path):
    path = shopify(
        tmp_path / "orders_export.csv",
        # Nothing but items: each counts what it costs.
        {"Subtotal": "45.00", "Total": "50.00", "Shipping": "5.00", "lines": [SOAP, TOWEL]},
        # A tenth off the order, and 10.00 refunded, both in proportion 30 to 15.
        {"Subtotal": "40.50", "Refunded Amount": "10.00", "lines": [SOAP, TOWEL]},
        # Refunded with its shipping: all of it, and not more.
        {"Subtotal": "45.00", "Refunded Amount": "50.00", "lines": [SOAP, TOWEL]},
        {"Subtotal": "45.00", "Cancelled at": "2024-03-05 10:00:00 +0100", "lines": [SOAP, TOWEL]},
        {"Subtotal": "0.00", "Email": "", "lines": [("Gift", "", 1, "0.00", "0.00")]},
    )
    ingest_file(path, tmp_path / "data")
    rows = raw_rows(
        tmp_path / "data",
        "invoice_no, stock_code, customer_id, country, line_amount::varchar, is_cancelled_order, "
        "refunded_amount::varchar, is_refund_estimated",
    )
    first = [
        ("#1001", "SO-1", "1001@example.com", "DE"),
        ("#1001", "Towel", "1001@example.com", "DE"),
    ]
    assert [row[:4] for row in rows[:2]] == first
    assert [row[4] for row in rows] == [
        "30.0000", "15.0000", "27.0000", "13.5000", "30.0000", "15.0000", "30.0000", "15.0000",
        "0.0000",
    ]  # fmt: skip
    assert [row[6:] for row in rows if row[6]] == [
        ("6.6667", True), ("3.3333", True), ("30.0000", False), ("15.0000", False),
    ]  # fmt: skip
    assert [row[5] for row in rows] == [False] * 6 + [True] * 2 + [False]
    assert rows[-1][2] is None
    assert read_shop(tmp_path / "data") == {"currency": "EUR", **preset("shopify").rules}


def test_a_preset_is_found_by_the_header_and_by_its_name(tmp_path, capsys):
    path = shopify(tmp_path / "orders_export.csv", {"Subtotal": "45.00", "lines": [SOAP, TOWEL]})
    for options in ([], ["--mapping", "shopify"]):
        assert main(["check-data", str(path), *options]) == 0
        report = capsys.readouterr().out
        assert "preset shopify" in report or "mapping shopify" in report
        assert "1 customer, 1 invoice, lines add up to EUR 45.00" in report
    ingested(path, tmp_path / "data")
    ingested(path, tmp_path / "data", "shopify")
    assert len(raw_rows(tmp_path / "data", "1")) == 2


def test_an_order_whose_amount_cannot_be_read_is_quarantined(tmp_path):
    path = shopify(
        tmp_path / "o.csv",
        {"Subtotal": "45.00", "lines": [SOAP]},
        {"Subtotal": "n/a", "lines": [SOAP, TOWEL]},
    )
    result = ingest_file(path, tmp_path / "data")
    assert result.reasons == {"R_LINE_AMOUNT": 2}


def test_two_currencies_are_not_added_up(tmp_path):
    mixed = shopify(
        tmp_path / "mixed.csv",
        {"Subtotal": "45.00", "lines": [SOAP]},
        {"Subtotal": "45.00", "Currency": "USD", "lines": [SOAP]},
    )
    euros = shopify(tmp_path / "euros.csv", {"Subtotal": "45.00", "lines": [SOAP]})
    dollars = shopify(
        tmp_path / "dollars.csv", {"Subtotal": "1.00", "Currency": "USD", "lines": [SOAP]}
    )
    ingest_file(euros, tmp_path / "data")
    for path in (mixed, dollars):
        with pytest.raises(CustomerIntelligenceError, match="E_MIXED_CURRENCIES"):
            ingest_file(path, tmp_path / "data")
    assert len(raw_rows(tmp_path / "data", "1")) == 1
    assert read_shop(tmp_path / "data")["currency"] == "EUR"


# ---------------------------------------------------------------- mappings and rules


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rules": {"as_of_date": "2024-01-01"}}, "Keys are: currency, cancellation_prefix"),
        ({"rules": {"product_code_pattern": 5}}, "product_code_pattern does not allow 5"),
        ({"rules": {"currency": "EUR"}}, "Write `currency:` outside rules"),
        ({"absent": ["country"]}, "allowed are: invoice_no, stock_code, quantity, customer_id"),
        ({"absent": ["quantity"], "columns": {"quantity": "q"}}, "not both"),
        ({"once_per_order": "country"}, "Write a list"),
        ({"once_per_order": ["country"], "absent": ["invoice_no"]}, "taken together"),
        ({"order_amount": "Subtotal -"}, "order_amount does not allow"),
        ({"order_discount": "Discount -"}, "order_discount does not allow"),
        ({"order_id": 5}, "order_id does not allow 5"),
        ({"order_id": "Id", "absent": ["invoice_no"]}, "taken together"),
        ({"optional": ["Phone"]}, "Name columns of `columns`"),
        ({"optional": "Phone"}, "Write a list of columns"),
        ({"only": {"Type": "Item"}}, "only does not allow 'Item'"),
        ({"only": ["Type"]}, "Write `only: {Type: [Item, Refund]}`"),
        ({"columns": {"invoice_no": ["a", "b"]}}, "columns.invoice_no"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(content, words):
    with pytest.raises(CustomerIntelligenceError) as refusal:
        SourceMapping(**content)
    assert refusal.value.code == "E_BAD_MAPPING"
    assert words in str(refusal.value)


def test_presets_know_the_headers_of_their_sources():
    first = "InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country"
    second = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    assert matching_preset(first.split()) == "online_retail"
    assert matching_preset(second.split(",")) == "online_retail_ii"
    assert matching_preset(SHOPIFY) == "shopify"
    assert matching_preset(["created", "cust", "total"]) is None
    # Anybody may call columns so: the rules of one shop must not reach another.
    ours = "invoice_no stock_code description quantity invoice_date unit_price customer_id country"
    assert matching_preset(ours.split()) is None
    assert matching_preset(first.upper().split()) is None
    assert preset("online_retail_ii").columns["customer_id"] == "Customer ID"


def test_the_real_file_needs_no_mapping(real_data, capsys):
    assert main(["check-data", str(real_data)]) == 0
    report = capsys.readouterr().out
    assert "4,372 customers, 25,900 invoices, lines add up to GBP 9,747,747.93" in report


def test_the_command_prints_no_traceback(tmp_path):
    command = [sys.executable, "-m", "customer_intelligence", "check-data", tmp_path / "none.csv"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("E_NOT_FOUND")
