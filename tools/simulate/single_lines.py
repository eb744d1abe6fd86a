"""Invoices of one line: charges, write-offs, gifts, bad debt, and a void giant order.

They are drawn as pairs of arrays of the same length: the invoices, and their lines.
"""

import numpy as np

from tools.simulate.catalogue import Catalogue
from tools.simulate.events import ADJUSTED, CANCELLED, PLAIN, PREFIXES, SINGLE, fill, make_events
from tools.simulate.shop import Shop
from tools.simulate.trading_times import MINUTES, draw_minutes, trading_days
from tools.simulate.vocabulary import CHARGES, NOTES

# Code and description are positions in the catalogue's, the price is in pounds.
SINGLE_LINE = np.dtype([("code", "i4"), ("description", "i4"), ("quantity", "i4"), ("price", "f8")])
GIANT_QUANTITY = 74_215
Invoices = tuple[np.ndarray, np.ndarray]  # (invoices,) of EVENT, (invoices,) of SINGLE_LINE


def draw_events(trading: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n invoices without a customer, on trading days."""
    return make_events(n, minute=draw_minutes(rng.choice(trading, n), rng))


def draw_charges(
    trading: np.ndarray,
    orders: np.ndarray,
    per_line: float,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> list[Invoices]:
    """Draw every kind of charge in the vocabulary, each at least once."""
    identified = np.flatnonzero(orders["customer"] >= 0)
    parts = []
    for at, charge in enumerate(CHARGES, catalogue.first_charge):
        n = max(1, round(charge.rate * per_line))
        events = draw_events(trading, n, rng)
        events["prefix"] = PREFIXES.index(charge.prefix)
        if charge.has_customer:  # a minute after one of the customer's orders: certainly alive
            order = orders[rng.choice(identified, n)]
            events["minute"] = order["minute"] + 1
            events["customer"], events["country"] = order["customer"], order["country"]
        low, high = charge.lowest_price, charge.highest_price
        price = np.round(low * (high / low) ** rng.random(n), 2 if low > 0.01 else 3)
        lines = fill(SINGLE_LINE, n, code=at, description=at, quantity=charge.quantity, price=price)
        parts.append((events, lines))
    return parts


def draw_write_offs(
    trading: np.ndarray, n: int, catalogue: Catalogue, rng: np.random.Generator
) -> Invoices:
    """Draw lost or broken goods: a negative quantity at no price, a note or no description."""
    note = catalogue.first_note + rng.integers(0, len(NOTES), n)
    return draw_events(trading, n, rng), fill(
        SINGLE_LINE,
        n,
        code=rng.integers(0, len(catalogue.price), n),
        description=np.where(rng.random(n) < 0.64, catalogue.no_description, note),
        quantity=-np.ceil(rng.lognormal(2.3, 1.4, n)).clip(1, 9_600),
    )


def draw_gifts(
    trading: np.ndarray, n: int, catalogue: Catalogue, rng: np.random.Generator
) -> Invoices:
    """Draw goods given or found without a price and without a customer."""
    product = rng.integers(0, len(catalogue.price), n)
    lines = fill(
        SINGLE_LINE,
        n,
        code=product,
        description=np.where(rng.random(n) < 0.52, catalogue.no_description, product),
        quantity=np.ceil(rng.lognormal(1, 1.2, n)),
    )
    return draw_events(trading, n, rng), lines


def draw_bad_debt(trading: np.ndarray, catalogue: Catalogue, rng: np.random.Generator) -> Invoices:
    """Draw one debt, booked once and taken off twice within three minutes."""
    minute = trading[int(0.84 * len(trading))] * MINUTES + 14 * 60 + 50 + np.arange(3)
    at, debt = catalogue.bad_debt, 100 * rng.integers(20, 150) + 0.06
    return make_events(3, minute=minute, prefix=ADJUSTED), fill(
        SINGLE_LINE, 3, code=at, description=at, quantity=1, price=debt * np.array([1, -1, -1])
    )


def make_giant_order(
    shop: Shop,
    trading: np.ndarray,
    customers: dict[str, np.ndarray],
    orders: np.ndarray,
    catalogue: Catalogue,
) -> Invoices:
    """Make a giant order, cancelled 16 minutes later, of whoever orders least while alive."""
    day = trading[int(0.56 * len(trading))]
    alive = np.flatnonzero((customers["acquired_day"] < day) & (customers["end_day"] >= day))
    buyers = orders["customer"][orders["customer"] >= 0]
    count = np.bincount(buyers, minlength=shop.customers)
    who = alive[np.argmin(count[alive])] if len(alive) else buyers[0]
    events = make_events(
        2,
        minute=day * MINUTES + 10 * 60 + 1 + np.array([0, 16]),
        prefix=[PLAIN, CANCELLED],
        customer=who,
        country=customers["country"][who],
    )
    quantity = [GIANT_QUANTITY, -GIANT_QUANTITY]
    return events, fill(SINGLE_LINE, 2, quantity=quantity, price=catalogue.price[0])


def draw_singles(
    shop: Shop,
    customers: dict[str, np.ndarray],
    orders: np.ndarray,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> Invoices:
    """Draw all invoices of one line; the void giant order comes last."""
    trading = trading_days(shop)
    per_line = orders["n_lines"].sum() / 100_000
    n_write_offs = max(2, round(shop.write_offs * per_line))
    n_gifts = max(2, round(shop.anonymous_zero_prices * per_line))
    parts = [
        *draw_charges(trading, orders, per_line, catalogue, rng),
        draw_write_offs(trading, n_write_offs, catalogue, rng),
        draw_gifts(trading, n_gifts, catalogue, rng),
        draw_bad_debt(trading, catalogue, rng),
        make_giant_order(shop, trading, customers, orders, catalogue),
    ]
    events, lines = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    events["kind"], events["n_lines"], events["content"] = SINGLE, 1, np.arange(len(events))
    return events, lines
