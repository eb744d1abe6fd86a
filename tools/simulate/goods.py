"""What the lines of an order sell: products, quantities and prices.

The value of an order is spread over its lines by uniform shares of a simplex. Quantities are whole
packs (rounded at random, without bias), so the value of an order agrees with the truth in
expectation, give or take the minimum of one piece a line. Products belong to ranges: a share of an
order's lines comes from one range, which is what makes some pairs of products sell together.
"""

from dataclasses import dataclass

import numpy as np

from tools.simulate.catalogue import Catalogue
from tools.simulate.events import SINGLE
from tools.simulate.plan import Plan
from tools.simulate.shop import Shop
from tools.simulate.splitmix import child, uniform

# Numbers of the draws, of an order and of a line: any change of them makes another shop.
RANGE, TAKEN_LINES, FIRST_TAKEN = range(3)
PRODUCT, IN_RANGE, COPY, SHARE, ROUNDING, ZERO_PRICE, LOWER_CASE, POSTAGE, TAKING, PART = range(10)

# Code and description are positions in the catalogue's, minutes are after the start.
LINE = np.dtype(
    [("code", "i4"), ("description", "i4"), ("minute", "i4"), ("quantity", "i8"), ("price", "f8")]
)


@dataclass(frozen=True)
class Slots:
    """Where the lines of some invoices stand, before anything is written on them."""

    events: np.ndarray  # (invoices,) of EVENT
    order_key: np.ndarray  # (invoices,) for draws of the order
    start: np.ndarray  # (invoices,) position of the first line
    invoice: np.ndarray  # (lines,) position in events
    number: np.ndarray  # (lines,) from 0 on in each invoice
    key: np.ndarray  # (lines,) for draws of the line

    def of_invoice(self, name: str) -> np.ndarray:
        """Return a field of each line's invoice, (lines,)."""
        return self.events[name][self.invoice]

    @property
    def is_product(self) -> np.ndarray:
        """Which lines hold goods of an order: neither postage nor a single line."""
        return (self.of_invoice("kind") != SINGLE) & (self.number < self.of_invoice("n_lines"))


def lay_out(plan: Plan, first: int, last: int) -> Slots:
    """Return the slots of the invoices first … last − 1 (positions in time order)."""
    events = plan.events[first:last]
    counts = events["n_lines"] + (events["extra"] >= 0)
    invoice = np.repeat(np.arange(len(events)), counts)
    start = np.cumsum(counts) - counts
    number = np.arange(len(invoice)) - start[invoice]
    order_key = child(child(np.array([plan.seed % 2**64], np.uint64), 0), events["content"])
    return Slots(events, order_key, start, invoice, number, child(order_key[invoice], number))


def draw_products(shop: Shop, catalogue: Catalogue, slots: Slots) -> np.ndarray:
    """Draw any product, or one of the order's range, both by popularity."""
    cumulative = catalogue.cumulative
    leader = np.searchsorted(cumulative, uniform(slots.order_key, RANGE), side="right") - 1
    low, high = cumulative[catalogue.range_bounds[leader]][slots.invoice].T
    position = uniform(slots.key, PRODUCT)
    in_range = uniform(slots.key, IN_RANGE) < shop.range_share
    position = np.where(in_range, low + position * (high - low), position)
    return np.clip(np.searchsorted(cumulative, position, "right") - 1, 0, shop.products - 1)


def draw_copies(shop: Shop, slots: Slots) -> np.ndarray:
    """Draw which lines repeat the line before them: never the first, never two in a row."""
    is_copy = slots.is_product & (slots.number > 0)
    is_copy &= uniform(slots.key, COPY) < shop.duplicate_share
    is_copy[1:] &= ~is_copy[:-1]
    return is_copy


def draw_amounts(slots: Slots, has_share: np.ndarray) -> np.ndarray:
    """Return pounds a line: the order's value in random shares, for the lines that have one."""
    share = np.where(has_share, -np.log(uniform(slots.key, SHARE)), 0.0)
    total = np.add.reduceat(share, slots.start)
    return slots.of_invoice("value") * share / np.maximum(total, 1e-12)[slots.invoice]


def make_goods(plan: Plan, slots: Slots, is_copy: np.ndarray) -> np.ndarray:
    """Return the slots filled with goods, (lines,) of LINE; the slots of other lines as well."""
    shop, catalogue, key = plan.shop, plan.catalogue, slots.key
    product = draw_products(shop, catalogue, slots)
    amount = draw_amounts(slots, slots.is_product & ~is_copy)
    is_anonymous = slots.of_invoice("customer") < 0
    price = catalogue.price[product] * np.where(is_anonymous, shop.anonymous_price_factor, 1.0)
    is_bulk = amount >= shop.bulk_quantity * price
    price = np.round(np.where(is_bulk, 0.85, 1.0) * price, 2)
    pieces, pack, luck = amount / price, catalogue.pack[product], uniform(key, ROUNDING)
    quantity = np.where(
        pieces >= pack, pack * np.floor(pieces / pack + luck), np.floor(pieces + luck)
    )
    is_free = (uniform(key, ZERO_PRICE) < shop.zero_price_share) & ~is_anonymous
    minute = slots.of_invoice("minute")
    is_renamed = minute >= catalogue.renamed_minute[product]
    is_late = slots.of_invoice("two_times") & (slots.number >= slots.of_invoice("n_lines") // 2)

    lines = np.empty(len(key), LINE)
    lines["code"] = product + shop.products * (uniform(key, LOWER_CASE) < shop.lower_case_share)
    lines["description"] = product + shop.products * is_renamed
    lines["minute"] = minute + is_late
    lines["quantity"] = np.maximum(quantity, 1)
    lines["price"] = np.where(is_free, 0.0, price)
    return lines
