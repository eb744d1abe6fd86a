"""What a later load replaces of earlier ones, and whose numbers it must not take."""

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.pipeline import ingest_file

CASES = Path(__file__).parents[1] / "cases"
RECEIPTS = SourceMapping(
    columns={
        "invoice_no": "receipt",
        "invoice_date": "date",
        "customer_id": "customer",
        "stock_code": "sku",
        "unit_price": "price",
    }
)
ODOO = {
    "invoice_no": "Order Reference",
    "invoice_date": "Order Date",
    "customer_id": "Customer",
    "stock_code": "Order Lines/Product",
    "quantity": "Order Lines/Quantity",
    "unit_price": "Order Lines/Unit Price",
}


def receipts(path: Path, *lines: str) -> Path:
    """Write receipts, such as ``1 2021-01-01 Ann 10``; ``-`` is nobody or no number."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["receipt", "date", "customer", "sku", "quantity", "price"])
        for line in lines:
            number, day, customer, price = ("" if text == "-" else text for text in line.split())
            writer.writerow([number, day, customer, "X", "1", price])
    return path


def test_receipts_that_restart_each_month_are_refused_and_count_once_the_shop_says_so(tmp_path):
    january, february = (CASES / "receipt-numbers-restart" / f"m{n}.csv" for n in (1, 2))
    ingest_file(january, tmp_path, RECEIPTS)
    with pytest.raises(CustomerIntelligenceError) as refusal:
        ingest_file(february, tmp_path, RECEIPTS)
    assert refusal.value.code == "E_INVOICE_NUMBERS"
    assert "m2.csv has 20 numbers" in refusal.value.what
    assert "200.00" in refusal.value.what
    assert "1 is of K1 on 2021-01-01 in load 1, and of K1 on 2021-02-01" in refusal.value.what
    assert "`invoice_numbers: restart`" in refusal.value.hint
    assert len(list((tmp_path / "raw").iterdir())) == 1
    with (tmp_path / "shop.yml").open("a") as shop:
        shop.write("invoice_numbers: restart\n")
    assert ingest_file(february, tmp_path, RECEIPTS).notes == ()
    loads = f"{tmp_path}/raw/*/*.parquet"
    ((amount,),) = duckdb.sql(
        f"select sum(quantity * unit_price) from read_parquet('{loads}')"
    ).fetchall()
    assert amount == 400


@pytest.mark.parametrize(
    ("again", "note"),
    [
        (["1 2021-01-03 Ann 5"], "replaces 1 invoice (2 lines) of load 1: 30.00"),
        (["1 2021-01-03 - 5"], "replaces 1 invoice (2 lines) of load 1: 30.00"),
        (["1 2021-01-03 ANN 5"], "replaces 1 invoice (2 lines) of load 1: 30.00"),
        (
            ["1 2021-01-08 Ann 5", "2 2021-01-02 Bob 1"],
            "replaces 2 invoices (3 lines) of load 1: 37.50",
        ),
    ],
)
def test_what_is_replaced_is_told_with_lines_and_money(tmp_path, again, note):
    first = ["1 2021-01-01 Ann 10", "1 2021-01-01 Ann 20", "2 2021-01-02 - 7.50"]
    ingest_file(receipts(tmp_path / "a.csv", *first), tmp_path / "data", RECEIPTS)
    result = ingest_file(receipts(tmp_path / "b.csv", *again), tmp_path / "data", RECEIPTS)
    assert result.notes == (note,)
    # What was replaced once is not told again.
    last = receipts(tmp_path / "c.csv", again[0].rsplit(" ", 1)[0] + " 6")
    (told,) = ingest_file(last, tmp_path / "data", RECEIPTS).notes
    assert told == "replaces 1 invoice (1 line) of load 2: 5.00"


@pytest.mark.parametrize("again", ["1 2021-01-01 Bob 5", "1 2021-01-09 Ann 5", "1 2020-01-01 - 5"])
def test_a_number_of_another_customer_or_day_is_refused(tmp_path, again):
    first = receipts(tmp_path / "a.csv", "1 2021-01-01 Ann 10", "2 2021-01-01 Ann 10")
    ingest_file(first, tmp_path / "data", RECEIPTS)
    with pytest.raises(CustomerIntelligenceError, match="1 number of an invoice that is in"):
        ingest_file(receipts(tmp_path / "b.csv", again), tmp_path / "data", RECEIPTS)


def test_what_may_be_counted_twice_is_told_where_numbers_restart(tmp_path):
    line = "1 2021-01-01 Ann 10"
    ingest_file(receipts(tmp_path / "a.csv", line), tmp_path / "data", RECEIPTS)
    with (tmp_path / "data" / "shop.yml").open("a") as shop:
        shop.write("invoice_numbers: restart\n")
    again = receipts(tmp_path / "b.csv", line, "2 2021-01-01 Ann 5")
    (note,) = ingest_file(again, tmp_path / "data", RECEIPTS).notes
    assert note.startswith("holds 1 invoice (1 line) of load 1 with the same number and customer")
    assert "count again (10.00)" in note


def test_an_order_number_on_the_first_line_only_holds_until_the_next(tmp_path):
    mapping = SourceMapping(
        columns=ODOO, once_per_order=["invoice_no", "invoice_date", "customer_id"]
    )
    result = ingest_file(CASES / "order-number-on-first-line" / "orders.csv", tmp_path, mapping)
    rows = f"read_parquet('{result.path}/*.parquet')"
    assert result.quarantined == 0
    assert duckdb.sql(
        "select invoice_no, customer_id, count(*), sum(quantity * unit_price) "
        f"from {rows} group by all order by all"
    ).fetchall() == [
        ("S00001", "Customer A", 2, Decimal(130)),
        ("S00002", "Customer B", 1, Decimal(100)),
    ]


def test_lines_without_a_number_are_told_with_their_money_and_the_way_out(tmp_path):
    mapping = SourceMapping(columns=ODOO, once_per_order=["invoice_date", "customer_id"])
    result = ingest_file(CASES / "order-number-on-first-line" / "orders.csv", tmp_path, mapping)
    assert result.warning is not None
    assert "1 record without an invoice number does not count (30.00)" in result.warning
    assert "`once_per_order: [invoice_no]`" in result.warning
    assert "`absent: [invoice_no]`" in result.warning


def test_invoices_of_several_customers_or_days_are_counted(tmp_path):
    lines = ["1 2021-01-01 Ann 1", "1 2021-01-01 Bob 1", "2 2021-01-01 Ann 1", "2 2021-01-02 Ann 1"]
    lines += ["3 2021-01-01 Ann 1", "3 2021-01-01 - 1", "3 2021-01-03 Ann 1"]
    result = ingest_file(receipts(tmp_path / "a.csv", *lines), tmp_path / "data", RECEIPTS)
    assert result.notes == (
        "has invoices of several customers (1) and of several days (2); "
        "each of them is an order then",
    )
