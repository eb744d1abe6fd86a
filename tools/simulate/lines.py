"""Whole invoice lines, as they stand in the file.

The goods of an order come first; then other lines take their slots, copies repeat the line before
them, and cancellations turn what they take back.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tools.simulate.events import PREFIXES, RETURN, REVERSAL, SINGLE
from tools.simulate.goods import (
    FIRST_TAKEN,
    PART,
    POSTAGE,
    TAKEN_LINES,
    TAKING,
    Slots,
    draw_copies,
    lay_out,
    make_goods,
)
from tools.simulate.plan import Plan
from tools.simulate.shop import Shop
from tools.simulate.splitmix import uniform
from tools.simulate.vocabulary import COUNTRIES, EXTRAS, FIRST_CUSTOMER, FIRST_INVOICE

CHUNK_LINES = 500_000
SCHEMA = pa.schema(
    [
        ("InvoiceNo", pa.string()),
        ("StockCode", pa.string()),
        ("Description", pa.string()),
        ("Quantity", pa.int32()),
        ("InvoiceDate", pa.timestamp("us")),
        ("UnitPrice", pa.float64()),
        ("CustomerID", pa.int32()),
        ("Country", pa.string()),
    ]
)


def put_extras(plan: Plan, slots: Slots, lines: np.ndarray) -> None:
    """Write postage and the like over the last line of the invoices that have it."""
    is_extra = slots.number == slots.of_invoice("n_lines")
    extra = slots.of_invoice("extra")[is_extra].astype(int)
    unit = np.array([row.price for row in EXTRAS])[extra]
    lines["code"][is_extra] = lines["description"][is_extra] = plan.catalogue.first_extra + extra
    lines["quantity"][is_extra] = 1
    lines["price"][is_extra] = unit * (1 + np.floor(3 * uniform(slots.key[is_extra], POSTAGE)))


def put_singles(plan: Plan, slots: Slots, lines: np.ndarray) -> None:
    """Write the single lines, which are drawn already, over their slots."""
    is_single = slots.of_invoice("kind") == SINGLE
    single = plan.singles[slots.of_invoice("content")[is_single]]
    for name in single.dtype.names:
        lines[name][is_single] = single[name]


def draw_kept(slots: Slots, is_copy: np.ndarray) -> np.ndarray:
    """Draw which lines stay: of a return some neighbouring ones, of other invoices all."""
    n_lines, key = slots.events["n_lines"], slots.order_key
    taken = np.minimum(1 + np.floor(-np.log(uniform(key, TAKEN_LINES))), n_lines)
    first = np.floor(uniform(key, FIRST_TAKEN) * (n_lines - taken + 1))
    is_taken = slots.number >= first[slots.invoice]
    is_taken &= slots.number < (first + taken)[slots.invoice]
    return (slots.of_invoice("kind") != RETURN) | (is_taken & ~is_copy)


def take_back(shop: Shop, slots: Slots, lines: np.ndarray) -> None:
    """Turn the lines of cancellations: reversals exactly, returns also in part or for less."""
    kind, how = slots.of_invoice("kind"), uniform(slots.key, TAKING)
    is_return = kind == RETURN
    is_cheaper = is_return & (how < shop.cheaper_return_share)
    is_part = is_return & ~is_cheaper & (how >= shop.cheaper_return_share + shop.exact_return_share)
    quantity, price = lines["quantity"], lines["price"]
    part = np.floor(quantity * uniform(slots.key, PART))
    quantity[is_part] = np.maximum(part, 1)[is_part]
    price[is_cheaper] = np.round(0.9 * price[is_cheaper], 2)
    quantity[is_return | (kind == REVERSAL)] *= -1


def make_lines(plan: Plan, first: int, last: int) -> pa.Table:
    """Return the lines of the invoices first … last − 1 (positions in time order).

    A line depends on nothing but the plan and its invoice, so any cut gives the same lines.
    """
    slots = lay_out(plan, first, last)
    is_copy = draw_copies(plan.shop, slots)
    lines = make_goods(plan, slots, is_copy)
    put_extras(plan, slots, lines)
    put_singles(plan, slots, lines)
    lines = lines[np.arange(len(lines)) - is_copy]  # a copy repeats the line before it
    take_back(plan.shop, slots, lines)
    keep = draw_kept(slots, is_copy)
    lines, invoice = lines[keep], slots.invoice[keep]

    events = slots.events
    prefix = pa.array(PREFIXES).take(pa.array(events["prefix"]))
    number = pa.array(FIRST_INVOICE + np.arange(first, last)).cast(pa.string())
    when = np.datetime64(plan.shop.start, "us") + lines["minute"].astype("timedelta64[m]")
    customer = events["customer"][invoice]
    return pa.table(
        [
            pc.binary_join_element_wise(prefix, number, "").take(pa.array(invoice)),
            plan.catalogue.codes.take(pa.array(lines["code"])),
            plan.catalogue.descriptions.take(pa.array(lines["description"])),
            pa.array(lines["quantity"].astype("i4")),
            pa.array(when),
            pa.array(lines["price"]),
            pa.array(FIRST_CUSTOMER + customer, mask=customer < 0),
            pa.array([*COUNTRIES]).take(pa.array(events["country"][invoice])),
        ],
        schema=SCHEMA,
    )


def line_chunks(plan: Plan, chunk_lines: int = CHUNK_LINES) -> Iterator[pa.Table]:
    """Yield the shop's lines in time order, about ``chunk_lines`` at a time, invoices whole."""
    ends = np.cumsum(plan.events["n_lines"], dtype="i8")
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, done + chunk_lines, side="right")), first + 1)
        yield make_lines(plan, first, last)
        first = last
