"""Every preset reads the export that its platform documents, right to the penny.

The modules of ``exports`` make shops up and say what counts in them; nothing here knows a platform.
"""

import importlib
import os
import pkgutil
import random
from collections import defaultdict
from decimal import Decimal

import exports
import pytest

from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.ingest.presets import PRESETS, matching_preset, preset_names
from customer_intelligence.ingest.recognise import read_header
from customer_intelligence.ingest.yaml_files import read_yaml

EXPORTS = [module.name for module in pkgutil.iter_modules(exports.__path__)]
# More where a whole proof is wanted.
SEEDS = range(1, 1 + int(os.environ.get("EXPORTS_OF_A_KIND", "1")))
NO_LINE = "R_NO_LINE"


def write(name, directory, seed=1):
    directory.mkdir()
    module = importlib.import_module(f"exports.{name}")
    return module.write(directory, random.Random(seed))


def orders_of(lines):
    """Net amount of each order on its own day; what was all given back that day was none."""
    orders = defaultdict(Decimal)
    sold = {(line.invoice, line.customer, line.day) for line in lines if line.amount > 0}
    for line in lines:
        order = (line.invoice, line.customer, line.day)
        if order in sold:
            orders[order] += line.amount
    return {order for order, amount in orders.items() if amount}


def expected(lines):
    """Recency, frequency and monetary value of each customer, of what counts."""
    last, bought = max(line.day for line in lines), defaultdict(set)
    for _, customer, day in orders_of(lines):
        bought[customer].add(day)
    spent = defaultdict(Decimal)
    for line in lines:
        spent[line.customer] += line.amount
    return {
        customer: ((last - max(days)).days if (days := bought[customer]) else None, len(days), net)
        for customer, net in spent.items()
        if customer is not None
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_counts_to_the_penny(ledger, tmp_path, name, seed):
    truth = write(name, tmp_path / "export", seed)
    shop = ledger(truth.files, truth.mapping)
    lines = truth.lines
    found = {
        customer: values
        for customer, *values in shop.rows(
            "select customer_id, as_of_date - max(activity_date) filter (has_purchase), "
            "count(*) filter (has_purchase), sum(net_revenue) "
            "from int_customer_days, int_as_of group by customer_id, as_of_date"
        )
    }
    right = {customer: list(values) for customer, values in expected(lines).items()}
    wrong = {
        customer: (found.get(customer), right.get(customer))
        for customer in found.keys() | right.keys()
        if found.get(customer) != right.get(customer)
    }
    assert wrong == {}, "customer: found and right recency, frequency, monetary value"
    assert shop.net_revenue == sum(line.amount for line in lines)
    assert shop.orders == len(orders_of(lines))
    first_and_last = shop.rows("select first_invoice_date, as_of_date from int_as_of")
    assert first_and_last == [(min(line.day for line in lines), max(line.day for line in lines))]
    # Every record is read; what the preset knows to be no line is set apart.
    assert {reason for (reason,) in shop.rows("select reason from rpt_quarantine")} <= {NO_LINE}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_header_leads_to_its_own_preset_and_to_no_other(tmp_path, name):
    truth = write(name, tmp_path / "export")
    headers = [read_header(file) for file in truth.files]
    taken = {matching_preset(header) for header in headers}
    assert taken == ({name} if truth.mapping is None else {None})
    fitting = {
        other
        for other in preset_names()
        for header in headers
        if {column.strip() for column in header} >= set(_header_of(other) or [None])
    }
    assert fitting <= {name}


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_is_allowed(name):
    mapping_of({**read_yaml(PRESETS / f"{name}.yml", "E_BAD_MAPPING"), "header": None}, name)


def _header_of(name):
    return read_yaml(PRESETS / f"{name}.yml", "E_BAD_MAPPING").get("header")
