"""What a build adds to its tables is what it would make of all lines at once.

`make test-incremental` runs 500 made-up shops and whole builds; here are ten.
"""

import datetime as dt
import os
import random
import shutil
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from conftest import ROOT, build, ingested, run_dbt
from incremental import Growing, models

from customer_intelligence.erasure.forget import erase

SHOPS = int(os.environ.get("INCREMENTAL_SHOPS", "10"))
FIRST_DAY = dt.date(2024, 1, 1)
CUSTOMERS = ("a", "b", "c", "d", "E", None)
CODES = ("10001", "10002", "10003", "10004A", "POST", "D", "M", "odd", "")
STATUSES = (None, None, None, "paid", "Cancelled", "refunded", "test", "partially refunded")
PRICES = (Decimal(0), Decimal(2), Decimal(2), Decimal("3.5"))
TEXTS = ("HEART", "HANGER", "damaged", "", "Postage", None)
RULES = (
    "cancellation_prefix = 'C'",
    "cancellation_prefix = '', negative_lines_are_returns = true",
    "cancellation_prefix = '', negative_lines_are_returns = true, drops_copies = true",
    "invoice_numbers_restart = true",
    "believes_far_off_dates = true",
)


def made_up_loads(draw: random.Random) -> list[list[dict[str, Any]]]:
    """Return loads of a few days each, with late lines, corrections, returns and what is odd."""
    loads: list[list[dict[str, Any]]] = []
    invoices: list[tuple[str, dt.date, str | None]] = []
    number = 100
    for start in range(draw.randint(2, 5)):
        lines: list[dict[str, Any]] = []
        for _ in range(draw.randint(0, 9)):
            customer = draw.choice(CUSTOMERS)
            # Late, or a little ahead of the next load.
            day = FIRST_DAY + dt.timedelta(10 * start + draw.randint(-12, 10))
            if draw.random() < 0.04:
                day += dt.timedelta(draw.choice((-900, 900, 5000)))
            number += 1
            invoice_no = f"C{number}" if draw.random() < 0.2 else str(number)
            if invoices and draw.random() < 0.3:
                invoice_no, earlier, named = draw.choice(invoices)
                customer = draw.choice((customer, named, named))
                day = draw.choice((day, earlier, earlier + dt.timedelta(draw.randint(-9, 9))))
            invoices.append((invoice_no, day, customer))
            status = draw.choice(STATUSES)
            for _ in range(draw.randint(1, 3)):
                quantity = draw.choice((1, 1, 2, 3, 5))
                if invoice_no.startswith("C") or draw.random() < 0.1:
                    quantity = -quantity
                at = dt.datetime.combine(day, dt.time(draw.randint(8, 20)))
                is_refunded = draw.random() < 0.1
                lines.append(
                    {
                        "invoice_no": invoice_no,
                        "stock_code": draw.choice(CODES),
                        "description": draw.choice(TEXTS),
                        "quantity": quantity,
                        "unit_price": draw.choice(
                            (Decimal(0), Decimal(2), Decimal(2), Decimal("3.5"))
                        ),
                        "invoiced_at": at,
                        "customer_id": customer,
                        "country": draw.choice(("France", "Spain")),
                        "order_status": status,
                        "refunded_amount": Decimal(1) if is_refunded else None,
                        "refunded_at": at + dt.timedelta(draw.randint(0, 40))
                        if is_refunded
                        else None,
                        "copy_number": draw.choice((1, 1, 1, 2)),
                        "reasons": ["R_QUANTITY"] if draw.random() < 0.03 else [],
                    }
                )
        loads.append(lines)
    return loads


@pytest.mark.parametrize("seed", range(SHOPS))
def test_tables_brought_up_to_date_are_those_made_anew(seed, tmp_path):
    draw = random.Random(seed)
    as_of = draw.choice((None, None, FIRST_DAY + dt.timedelta(draw.randint(5, 50))))
    shop = Growing(tmp_path, draw.choice(RULES), as_of)
    for number, lines in enumerate(made_up_loads(draw), start=1):
        shop.load(number, lines)
        # Several loads between two builds are as good as one.
        if number == 1 or draw.random() < 0.8:
            shop.build(anew=number == 1)
    shop.build(anew=False)
    kept = shop.tables()
    shop.build(anew=True)
    for name, rows in shop.tables().items():
        assert kept[name] == rows, name


@pytest.mark.skipif(SHOPS < 100, reason="five whole builds: make test-incremental")
def test_whole_builds_that_add_loads_hold_what_one_build_of_all_holds(tmp_path):
    """The sample in four loads, with late lines, an invoice that comes again, and an erasure."""
    sample = next((ROOT / "data" / "sample" / "raw").glob("*/invoice_lines.parquet"))
    grown, anew = tmp_path / "grown", tmp_path / "anew"

    def load(number: int, fewest: str, most: str) -> None:
        """Load the lines between two moments, and one line in fifty from the weeks before."""
        file = tmp_path / f"{number}.parquet"
        duckdb.sql(
            f"""
            copy (
                select invoice_no as InvoiceNo, stock_code as StockCode, description as Description,
                    quantity * {number} as Quantity, invoiced_at as InvoiceDate,
                    unit_price as UnitPrice, customer_id as CustomerID, country as Country
                from read_parquet('{sample}')
                where invoiced_at >= timestamp '{fewest}' - interval 3 days
                    and invoiced_at < timestamp '{most}'
                    and (hash(record_number) % 50 = 0) = (invoiced_at < timestamp '{fewest}')
            ) to '{file}'
            """
        )
        ingested(file, grown)

    load(1, "2009-01-01", "2011-03-01")
    load(2, "2011-03-01", "2011-08-01")
    build(grown)
    load(3, "2011-08-01", "2011-11-01")
    build(grown)
    ((buyer,),) = duckdb.sql(f"select mode(customer_id) from '{sample}'").fetchall()
    erase(grown, buyer)
    build(grown)
    load(4, "2011-11-01", "2012-01-01")
    result = run_dbt(grown, "build", "--exclude-resource-type", "unit_test")
    assert "1 new since the last build" in result.stdout
    anew.mkdir()
    shutil.copytree(grown / "raw", anew / "raw")
    shutil.copy(grown / "shop.yml", anew)
    build(anew)
    with duckdb.connect() as connection:
        for name in (grown, anew):
            connection.execute(f"attach '{name}/build/warehouse.duckdb' as {name.name} (read_only)")
        superseded = connection.execute(
            "select sum(lines) from grown.intermediate.int_invoice_amounts "
            "where disposition = 'superseded'"
        ).fetchone()
        assert superseded[0] > 0
        # The churn window stays as the version before had it.
        others = {"int_changed_lines", "int_churn_horizon", "int_customers_rfm"}
        for model in models():
            if model.kind != "view" and model.name not in others:
                rows = [
                    connection.execute(f"from {name.name}.{model.relation} order by all").fetchall()
                    for name in (grown, anew)
                ]
                assert rows[0] == rows[1], model.name
