"""Tables in place of files: of an attached database, of Parquet files, of a connector."""

import random
from collections import defaultdict
from decimal import Decimal

import duckdb
import fivetran
import pytest
from ledger import Ledger


def orders_of(lines):
    """Net amount of each order on its own day; what was all given back that day was none."""
    orders = defaultdict(Decimal)
    sold = {(line.invoice, line.customer, line.day) for line in lines if line.amount > 0}
    for line in lines:
        order = (line.invoice, line.customer, line.day)
        if order in sold:
            orders[order] += line.amount
    return {order for order, amount in orders.items() if amount}


# ---------------------------------------------------------------- the tables of a connector


@pytest.mark.parametrize(("seed", "tax_inside"), [(1, False), (2, True), (3, True), (4, False)])
def test_the_tables_of_fivetran_count_to_the_penny(tmp_path, seed, tax_inside):
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(str(path)) as database:
        lines = fivetran.write(database, "shopify", random.Random(seed), tax_inside=tax_inside)
    shop = Ledger(
        tmp_path / "data",
        {"raw_relation": "lake.shopify"},
        f"attach '{path}' as lake (read_only)",
    )
    last = max(line.day for line in lines)
    bought, spent = defaultdict(set), defaultdict(Decimal)
    for _, customer, day in orders_of(lines):
        bought[customer].add(day)
    for line in lines:
        spent[line.customer] += line.amount
    right = {
        customer: (
            (last - max(bought[customer])).days if bought[customer] else None,
            len(bought[customer]),
            net,
        )
        for customer, net in spent.items()
        if customer is not None
    }
    found = {
        customer: tuple(values)
        for customer, *values in shop.rows(
            "select customer_id, as_of_date - max(activity_date) filter (has_purchase), "
            "count(*) filter (has_purchase), sum(net_revenue) "
            "from int_customer_days, int_as_of group by customer_id, as_of_date"
        )
    }
    wrong = {
        customer: (found.get(customer), right.get(customer))
        for customer in found.keys() | right.keys()
        if found.get(customer) != right.get(customer)
    }
    assert wrong == {}, "customer: found and right recency, frequency, monetary value"
    assert shop.net_revenue == sum(line.amount for line in lines)
    # Only of known customers is a sale that was paid back at once no order.
    known = [line for line in lines if line.customer is not None]
    orders = "select count(*) from fct_orders where not is_void and customer_id is not null"
    assert shop.value(orders) == len(orders_of(known))
    first_and_last = shop.rows("select first_invoice_date, as_of_date from int_as_of")
    assert first_and_last == [(min(line.day for line in lines), last)]
    assert shop.value("select count(*) from rpt_quarantine") == 0
    assert shop.value("select currency from raw.shop_rules") == "USD"
