"""Exports of shops that do not exist, in the layout that each platform documents.

A module of this folder is called as its preset is, and has one function::

    def write(directory: Path, chance: random.Random) -> Truth

It makes a shop up, writes its export to the directory, and returns what counts in that shop. What
counts is worked out from the shop that was made up, never from the file: a fault of reading cannot
be a fault of the truth as well. ``test_presets.py`` runs over all of them.
"""

import csv
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import yaml
from ledger import Ledger

from customer_intelligence.ingest.presets import PRESETS

CENT = Decimal("0.01")
# Amounts are kept to so many decimals.
SMALLEST = Decimal("0.0001")


@dataclass(frozen=True)
class Line:
    """One amount that counts: a sale, or what was given back of one on the day that it counts."""

    invoice: str
    """As the marts show it."""
    customer: str | None
    """As the marts show it; None for nobody known."""
    day: dt.date
    amount: Decimal
    """Below nothing for what was given back, or taken off the price by a line of its own."""


@dataclass(frozen=True)
class Truth:
    """An export, and what counts in it. On its first and last day something counts."""

    files: list[Path]
    mapping: dict[str, Any] | None
    """Keys of mapping.yml; None where the header of the file leads to the preset."""
    lines: list[Line]


def orders_of(lines: Iterable[Line]) -> set[tuple[str, str | None, dt.date]]:
    """Return invoice, customer and day of each order; what was all given back that day was none."""
    orders: defaultdict[tuple[str, str | None, dt.date], Decimal] = defaultdict(Decimal)
    sold = {(line.invoice, line.customer, line.day) for line in lines if line.amount > 0}
    for line in lines:
        order = (line.invoice, line.customer, line.day)
        if order in sold:
            orders[order] += line.amount
    return {order for order, amount in orders.items() if amount}


def expected(lines: Iterable[Line]) -> dict[str, list[Any]]:
    """Return recency, frequency and monetary value of each customer, of what counts."""
    last = max(line.day for line in lines)
    bought: defaultdict[str | None, set[dt.date]] = defaultdict(set)
    for _, customer, day in orders_of(lines):
        bought[customer].add(day)
    spent: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for line in lines:
        spent[line.customer] += line.amount
    return {
        customer: [(last - max(days)).days if (days := bought[customer]) else None, len(days), net]
        for customer, net in spent.items()
        if customer is not None
    }


def assert_exact(shop: Ledger, lines: Sequence[Line]) -> None:
    """Hold customers, money, orders and days of a shop to what counts, to the penny."""
    found = {
        customer: values
        for customer, *values in shop.rows(
            "select customer_id, as_of_date - max(activity_date) filter (has_purchase), "
            "count(*) filter (has_purchase), sum(net_revenue) "
            "from int_customer_days, int_as_of group by customer_id, as_of_date"
        )
    }
    right = expected(lines)
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


def of_preset(name: str, **changes: object) -> dict[str, Any]:
    """Return the keys of a preset, for files whose header does not lead to it.

    A change of ``rules`` is added to the rules of the preset, as a person would edit them.
    """
    content = yaml.safe_load((PRESETS / f"{name}.yml").read_text(encoding="utf-8"))
    rules = {**content.get("rules", {}), **dict(changes.pop("rules", {}))}
    return {**content, **changes, "header": None, "rules": rules}


def columns(names: str) -> list[str]:
    """Return the names of columns that commas part."""
    return names.split(",")


def write_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    """Write rows by the names of their columns; what a row does not say is blank.

    What a row says of a column that the header lacks is left out, as in exports of less.
    """
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, header, "", "ignore", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def price(chance: random.Random, low: int = 100, high: int = 9_000) -> Decimal:
    """Return an amount of money, in cents between two bounds."""
    return Decimal(chance.randint(low, high)) * CENT


def rounded(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """Round as shops do: half a unit is one."""
    return amount.quantize(unit, ROUND_HALF_UP)


def shares(total: Decimal, parts: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Divide an amount in proportion to parts; the shares add up to it."""
    whole = sum(parts)
    so_far, given, found = Decimal(0), Decimal(0), []
    for part in parts:
        so_far += part
        until = rounded(total * so_far / whole, unit) if whole else Decimal(0)
        found.append(until - given)
        given = until
    return found


def days(chance: random.Random, count: int, first: dt.date, span: int) -> list[dt.date]:
    """Return days in their order; the first and the last of the span are among them."""
    within = [first + dt.timedelta(chance.randint(0, span)) for _ in range(count - 2)]
    return sorted([first, *within, first + dt.timedelta(span)])


def clock(chance: random.Random) -> str:
    """Return a time of the day, near midnight more often than shops are."""
    return chance.choice(
        ["00:00:00", "00:20:11", "23:59:59", "23:10:07", f"{chance.randint(8, 20):02d}:15:30"]
    )


def mixed_case(chance: random.Random, text: str) -> str:
    """Return a text as people write addresses: small, with a capital, or in capitals."""
    return chance.choice([text, text, text.capitalize(), text.upper()])
