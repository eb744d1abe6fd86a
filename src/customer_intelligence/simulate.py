"""An invented gift shop with known truth, in the shape of the *Online Retail* file.

One run writes two Parquet files: the shop's invoice lines, with the quirks that such exports
have, and the truth behind them, one row a customer. Nothing in them is taken from a real shop.

**Customers** follow the Pareto/NBD model (Schmittlein, Morrison, Colombo 1987, as compared in
Fader, Hardie, Lee 2005, "Counting your customers the easy way", Marketing Science 24(2)):

- rate while alive, purchases a week before season: λ ~ Gamma(``rate_shape``, rate ``rate_scale``);
- lifetime ~ Exponential(μ), in weeks, μ ~ Gamma(``dropout_shape``, rate ``dropout_scale``),
  independent of λ, rounded down to whole days: the customer can still order on the last one;
- acquired at a constant rate since ``earlier_weeks`` before the start. Only survivors matter:
  at age w the share (1 + w/β)^−s is alive, with μ ~ Gamma(s, rate β + w). They are the
  left-censored ones. A customer acquired later orders on that day; this is the first order;
- season: the intensity on day d is λ · weekday(d) · (1 + A · bump(d)), where bump is a von Mises
  shape with ``season_sharpness`` around ``season_peak_day`` and A ~ Gamma(2, mean
  ``season_amplitude``) is the customer's own. Weekday weights average 1 over a week; Saturdays
  and 24 December to 3 January are closed;
- order value: Gamma(``value_shape``, mean m), 1/m ~ Gamma (the Gamma-Gamma model of Fader, Hardie,
  "The Gamma-Gamma model of monetary value", note 025, 2013), independent of λ and μ;
- an order is followed by a return with the customer's own probability ~ Beta, after a geometric
  number of days; a returned line is an exact reversal, or a part of the quantity at the same
  price, or all of it at a lower price. On top come returns of goods bought before the start.

**Orders**: 1 + Poisson lines, more for a larger value; the value is spread over them by
uniform shares of a simplex. Quantities are whole packs (rounded at random, without bias), so
the value of an order agrees with the truth in expectation, give or take the minimum of one
piece a line. Products belong to ranges: a share of an order's lines comes from one range,
which is what makes some pairs of products sell together.

**Corrections**: some orders are first keyed in wrongly, reversed in whole minutes later, and
keyed in again. Only the last one counts as an order in the truth.

Orders are drawn first, all at once, and sorted by time. Their lines come from a counter-based
hash (SplitMix64: Steele, Lea, Flood 2014) of seed, order and line, so that a later return can
recompute the lines it reverses, and a file of any length is written in bounded memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MINUTES = 24 * 60
FIRST_CUSTOMER, FIRST_INVOICE = 12_346, 489_434
ROW_GROUP, CHUNK_LINES, PROGRESS_SECONDS = 122_880, 500_000, 10.0
SALE, RETURN, REVERSAL, SINGLE = range(4)

WEEKDAYS = np.array([1.0, 1.15, 1.15, 1.35, 1.0, 0.0, 0.55])  # Monday … Sunday
HOURS = np.array([0.4, 0.6, 2.2, 6.2, 10.2, 10.8, 13.6, 11.6, 10.8, 10.5, 6.7, 4.1, 1.2])  # 6 h …

COUNTRIES = {
    "United Kingdom": 0.905, "Germany": 0.022, "France": 0.02, "EIRE": 0.006, "Spain": 0.007,
    "Belgium": 0.006, "Switzerland": 0.005, "Portugal": 0.004, "Italy": 0.004, "Finland": 0.003,
    "Austria": 0.003, "Norway": 0.002, "Denmark": 0.002, "Netherlands": 0.002, "Sweden": 0.002,
    "Channel Islands": 0.002, "Australia": 0.002, "Japan": 0.001, "USA": 0.001,
    "Unspecified": 0.001,
}  # fmt: skip
COLOURS = (
    "", "SAGE", "IVORY", "NAVY", "MUSTARD", "CORAL", "SLATE", "PLUM", "TEAL", "COPPER",
    "AMBER", "LILAC", "CHALK",
)  # fmt: skip
MOTIFS = (
    "HEDGEHOG", "LIGHTHOUSE", "BLUEBELL", "OTTER", "ACORN", "SAILBOAT", "PUFFIN", "FERN", "BADGER",
    "WINDMILL", "THISTLE", "HARE", "KINGFISHER", "COMPASS", "MEADOW", "LANTERN FISH", "GINKGO",
    "ORCHARD", "TEMPEST", "HARBOUR", "JUNIPER", "MAGPIE", "CLOVER", "COMET", "WALRUS", "PEBBLE",
    "SALAMANDER", "WILLOW", "MARQUEE", "CARTOGRAPHER'S",
)  # fmt: skip
FORMS = (
    "EGG CUP", "TEA TOWEL", "BISCUIT BARREL", "KEY HOOK", "BOOKEND", "JUG", "PENCIL ROLL",
    "DOOR WEDGE", "PICTURE LEDGE", "BUTTER DISH", "GIFT TAG, PACK OF 8", "SPICE RACK", "APRON",
    "LETTER OPENER", "CANDLE PLATE", "STORAGE CRATE", "NAPKIN RING", "SOAP TRAY", "TRINKET POT",
    "DESK CALENDAR", "WASH BAG", "CAKE SLICE", "PLANT MARKER", "COASTER, SET OF 4", "SEWING BOX",
    "WALL CLOCK", "TOY CRANE", "BATH MAT", "GARDEN TWINE", "RECIPE FOLDER", "PARTY CROWN",
    "PAPER STRAWS", "COIN PURSE", "LUNCH POT", "DRAWER KNOB", "HAND MIRROR", "MATCHBOX",
    "STICKY TAPE", "PLAYING CARDS", "EASEL",
)  # fmt: skip
NOTES = ("?", "check", "broken", "lost", "Damaged", "water damage", "found", "given away")
EXTRAS = (("POST", "POSTAGE", 18.0), ("C2", "CARRIAGE", 50.0), ("DOT", "WEB POSTAGE", 45.0))
POST, C2, DOT = range(3)
# Single-line invoices: code, description, invoice prefix, has a customer, quantity,
# lowest and highest unit price, invoices per 100,000 lines.
CHARGES = (
    ("M", "Manual", "", True, 1, 1.25, 400.0, 50.0),
    ("M", "Manual", "", False, 1, 1.25, 800.0, 15.0),
    ("M", "Manual", "C", True, -1, 1.25, 400.0, 40.0),
    ("D", "Discount", "C", True, -1, 3.0, 160.0, 14.0),
    ("S", "SAMPLES", "C", False, -1, 3.0, 90.0, 12.0),
    ("POST", "POSTAGE", "C", True, -1, 18.0, 60.0, 20.0),
    ("BANK CHARGES", "Bank Charges", "C", False, -1, 5.0, 400.0, 5.0),
    ("BANK CHARGES", "Bank Charges", "", True, 1, 0.001, 0.001, 0.2),
    ("AMAZONFEE", "MARKET PLACE FEE", "C", False, -1, 200.0, 4000.0, 6.0),
    ("AMAZONFEE", "MARKET PLACE FEE", "", False, 1, 200.0, 4000.0, 0.4),
    ("CRUK", "Charity commission", "C", True, -1, 30.0, 600.0, 3.0),
    ("gift_0001_20", "Gift voucher £20.00", "", False, 1, 16.67, 16.67, 2.0),
    ("gift_0001_30", "Gift voucher £30.00", "", False, 1, 25.0, 25.0, 1.5),
    ("PADS", "PADS FOR ANY CUSHION", "", True, 1, 0.001, 0.001, 0.6),
    ("DCGSSGIRL", "PARTY BAG, ASSORTED", "", False, 2, 3.29, 3.29, 2.5),
    ("B", "Bad debt adjustment", "A", False, 1, 0.0, 0.0, 0.0),  # placed by hand: three lines
)

EVENT = np.dtype(
    [("minute", "i4"), ("customer", "i4"), ("country", "i1"), ("kind", "i1"), ("prefix", "i1"),
     ("extra", "i1"), ("two_times", "?"), ("n_lines", "i4"), ("value", "f4"), ("content", "i8")]
)  # fmt: skip
SINGLE_LINE = np.dtype([("code", "i4"), ("description", "i4"), ("quantity", "i4"), ("price", "f8")])
SCHEMA = pa.schema(
    [("InvoiceNo", pa.string()), ("StockCode", pa.string()), ("Description", pa.string()),
     ("Quantity", pa.int32()), ("InvoiceDate", pa.timestamp("us")), ("UnitPrice", pa.float64()),
     ("CustomerID", pa.int32()), ("Country", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """Parameters of the shop; the defaults make the bundled sample.

    Rates and scales are in weeks, money in pounds, shares between 0 and 1. The defaults are set
    to look like a gift wholesaler: about a third of the customers seen order once, November
    sells about three times as much as February. The shares of the quirks are those
    measured on *Online Retail* (Chen 2015, doi 10.24432/C5BW33), or a little above them where a
    small file would otherwise lack the quirk.
    """

    customers: int = 2_750  # alive at the start or acquired later
    start: date = date(2009, 12, 1)
    days: int = 739  # the last month is partial
    products: int = 1_500
    rate_shape: float = 0.8
    rate_scale: float = 20.0
    dropout_shape: float = 0.5
    dropout_scale: float = 80.0
    earlier_weeks: float = 156.0
    season_amplitude: float = 2.0
    season_sharpness: float = 6.0
    season_peak_day: int = 318  # of the year: mid-November
    value_shape: float = 3.0
    value_spread_shape: float = 3.2  # of 1/m; the smaller, the more customers differ
    value_mean: float = 300.0
    lines_per_order: float = 6.0
    range_share: float = 0.35
    bulk_quantity: int = 48  # from here on 15 % less
    return_alpha: float = 0.7
    return_beta: float = 8.0
    return_mean_days: float = 18.0
    exact_return_share: float = 0.15  # of returned lines; the rest is a part of the quantity
    cheaper_return_share: float = 0.05
    earlier_return_share: float = 0.2  # of return invoices: bought before the start
    correction_share: float = 0.006  # of orders
    anonymous_share: float = 0.24  # of lines
    anonymous_lines: float = 30.0  # per invoice
    anonymous_line_value: float = 12.0
    anonymous_price_factor: float = 1.7
    write_offs: float = 250.0  # these two per 100,000 lines
    anonymous_zero_prices: float = 210.0
    zero_price_share: float = 4e-4  # of customers' lines
    duplicate_share: float = 0.005  # besides those that come about by chance
    two_times_share: float = 0.003
    two_countries_share: float = 0.002
    lower_case_share: float = 0.005
    renamed_share: float = 0.16
    blank_share: float = 0.2

    def __post_init__(self) -> None:
        """Refuse parameters outside their range, by name."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "start":
                continue
            if field.name.endswith("_share"):
                if not 0 <= value < 1:
                    raise ValueError(f"{field.name} must be in [0, 1), not {value}")
            elif not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} must be positive, not {value}")
        if self.days < 60:
            raise ValueError(f"days must be at least 60, not {self.days}")
        if self.dropout_shape == 1 or self.value_spread_shape <= 1:
            raise ValueError("dropout_shape must not be 1 and value_spread_shape must exceed 1")
        if self.products > len(COLOURS) * len(MOTIFS) * len(FORMS):
            raise ValueError(f"products must be at most {len(COLOURS) * len(MOTIFS) * len(FORMS)}")


@dataclass(frozen=True)
class Catalogue:
    """Products in the order of their ranges, with everything a line may be called."""

    codes: pa.Array  # products, products in lower case, extras, charges
    descriptions: pa.Array  # products, renamed products, extras, charges, notes, null
    cumulative: np.ndarray  # (products + 1,) popularity
    range_bounds: np.ndarray  # (products, 2) first and last + 1 product of the product's range
    price: np.ndarray  # (products,) pounds
    pack: np.ndarray  # (products,) pieces
    renamed_minute: np.ndarray  # (products,) minutes after the start


@dataclass(frozen=True)
class Plan:
    """Everything but the lines: customers, invoices in time order, and the catalogue."""

    shop: Shop
    seed: int
    customers: dict[str, np.ndarray]
    events: np.ndarray  # (invoices,) of EVENT
    singles: np.ndarray  # (single lines,) of SINGLE_LINE
    catalogue: Catalogue


def calendar(shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """Return the trading weight and the season's bump of every day, two (days,) arrays."""
    days = np.datetime64(shop.start, "D") + np.arange(shop.days)
    years = days.astype("datetime64[Y]")
    day_of_year = (days - years.astype("datetime64[D]")).astype(int) + 1
    weekday = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    closed = (day_of_year <= 3) | ((days + 8).astype("datetime64[Y]") > years)
    weight = np.where(closed, 0.0, (WEEKDAYS * 7 / WEEKDAYS.sum())[weekday])
    angle = 2 * np.pi * (day_of_year - shop.season_peak_day) / 365.25
    return weight, np.exp(shop.season_sharpness * (np.cos(angle) - 1))


def make_catalogue(shop: Shop, rng: np.random.Generator) -> Catalogue:
    """Invent the products: names, codes, popularity, prices and packs."""
    n = shop.products
    combination = np.sort(
        rng.choice(len(MOTIFS) * len(COLOURS) * len(FORMS), n, replace=False, shuffle=False)
    )
    motif, rest = np.divmod(combination, len(COLOURS) * len(FORMS))
    parts = [
        (COLOURS[c], MOTIFS[m], FORMS[f])
        for m, (c, f) in zip(motif, zip(*np.divmod(rest, len(FORMS)), strict=True), strict=True)
    ]
    blank = rng.random(n)
    names = [
        before + " ".join(filter(None, words)) + after
        for words, before, after in zip(
            parts,
            np.where(blank < shop.blank_share / 10, " ", ""),
            np.where(blank < shop.blank_share, " ", ""),
            strict=True,
        )
    ]
    renamed = rng.random(n) < shop.renamed_share
    new_names = [
        f"{m} {f} {c or 'NEW'}" if r else name
        for (c, m, f), r, name in zip(parts, renamed, names, strict=True)
    ]
    suffix = rng.choice(["", "A", "B", "C", "S", "BL"], n, p=[0.72, 0.1, 0.08, 0.04, 0.03, 0.03])
    codes = [
        f"{number}{letters}"
        for number, letters in zip(20_000 + rng.permutation(70_000)[:n], suffix, strict=True)
    ]
    specials = [row[:2] for row in EXTRAS + CHARGES]
    popularity = rng.lognormal(0, 1.0, n)
    bounds = np.stack([np.searchsorted(motif, motif, side) for side in ("left", "right")], axis=1)
    return Catalogue(
        pa.array(codes + [code.lower() for code in codes] + [code for code, _ in specials]),
        pa.array(names + new_names + [d for _, d in specials] + [*NOTES, None], pa.string()),
        np.concatenate([[0.0], np.cumsum(popularity) / popularity.sum()]),
        bounds,
        np.maximum(np.round(rng.lognormal(math.log(2.1), 0.9, n) * 20) / 20, 0.1),
        rng.choice([1, 2, 4, 6, 12], n, p=[0.45, 0.15, 0.1, 0.15, 0.15]),
        np.where(renamed, rng.integers(0, shop.days * MINUTES, n), shop.days * MINUTES),
    )


def draw_customers(shop: Shop, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw who the customers are: one (customers,) array per property.

    ``acquired_day`` and ``end_day`` count days from the start; the first is negative for a
    left-censored customer, the second (the last day alive) may lie beyond the file's end.
    """
    n, s, beta = shop.customers, shop.dropout_shape, shop.dropout_scale
    alive = beta / (1 - s) * ((1 + shop.earlier_weeks / beta) ** (1 - s) - 1)
    is_early = rng.random(n) < alive / (alive + shop.days / 7)
    grown = (1 - s) / beta * alive * rng.random(n)
    age = np.where(is_early, beta * ((1 + grown) ** (1 / (1 - s)) - 1), 0.0)
    weight, bump = calendar(shop)
    arrivals = np.cumsum(weight * (1 + shop.season_amplitude * bump))
    arrival_day = np.searchsorted(arrivals, rng.random(n) * arrivals[-1], side="right")
    acquired_day = np.where(is_early, np.minimum(-1, np.floor(-7 * age)), arrival_day).astype(int)
    dropout = rng.gamma(s, 1, n) / (beta + age)
    lifetime_days = np.minimum(7 * rng.exponential(1, n) / np.maximum(dropout, 1e-12), 1e6)
    q = shop.value_spread_shape
    return {
        "acquired_day": acquired_day,
        "end_day": np.maximum(acquired_day, 0) + np.floor(lifetime_days).astype(int),
        "country": rng.choice(
            len(COUNTRIES), n, p=np.array([*COUNTRIES.values()]) / sum(COUNTRIES.values())
        ).astype("i1"),
        "purchase_rate_per_week": rng.gamma(shop.rate_shape, 1 / shop.rate_scale, n),
        "dropout_rate_per_week": dropout,
        "season_amplitude": rng.gamma(2, shop.season_amplitude / 2, n),
        "mean_order_value": shop.value_mean * (q - 1) / rng.gamma(q, 1, n),
        "return_probability": rng.beta(shop.return_alpha, shop.return_beta, n),
    }


def draw_days(
    cumulative: np.ndarray, first: np.ndarray, last: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw one day in [first, last] for each pair, in proportion to a cumulative weight."""
    low, high = cumulative[first], cumulative[last + 1]
    position = low + rng.random(len(low)) * (high - low)
    return np.clip(np.searchsorted(cumulative, position, side="right") - 1, first, last)


def draw_minutes(day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return minutes after the start for given days, inside the opening hours."""
    hour = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), rng.random(len(day)), side="right")
    return day * MINUTES + (6 + hour) * 60 + rng.integers(0, 60, len(day))


def make_events(n: int, **columns: object) -> np.ndarray:
    """Return n events with the given columns; the others mean "none"."""
    events = np.zeros(n, EVENT)
    events["customer"] = events["extra"] = -1
    for name, values in columns.items():
        events[name] = values
    return events


def draw_orders(
    shop: Shop, customers: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Draw all orders of the customers as events; add ``expected_orders`` to the customers."""
    weight, bump = calendar(shop)
    base = np.concatenate([[0.0], np.cumsum(weight / 7)])
    peak = np.concatenate([[0.0], np.cumsum(weight / 7 * bump)])
    first = np.minimum(np.maximum(customers["acquired_day"] + 1, 0), shop.days)
    last = np.maximum(np.minimum(customers["end_day"], shop.days - 1), first - 1)
    rate, amplitude = customers["purchase_rate_per_week"], customers["season_amplitude"]
    is_new = customers["acquired_day"] >= 0
    who, days, expected = [np.flatnonzero(is_new)], [customers["acquired_day"][is_new]], is_new
    # A Poisson process with a seasonal intensity is the sum of a flat and a peaked one.
    for cumulative, factor in ((base, rate), (peak, rate * amplitude)):
        mean = factor * (cumulative[last + 1] - cumulative[first])
        expected = expected + mean
        who.append(np.repeat(np.arange(shop.customers), rng.poisson(mean)))
        days.append(draw_days(cumulative, first[who[-1]], last[who[-1]], rng))
    customers["expected_orders"] = expected
    customer, day = np.concatenate(who), np.concatenate(days)
    n, p, q = len(customer), shop.value_shape, shop.value_spread_shape
    value = customers["mean_order_value"][customer] * rng.gamma(p, 1 / p, n)
    root_mean = math.sqrt(shop.value_mean * (q - 1) / p) * math.exp(
        math.lgamma(p + 0.5) - math.lgamma(p) + math.lgamma(q - 0.5) - math.lgamma(q)
    )
    size = (shop.lines_per_order - 1) * np.sqrt(value) / root_mean * rng.gamma(2, 0.5, n)
    country = customers["country"][customer]
    is_abroad = (country > 0) & (rng.random(n) < 0.8)
    orders = make_events(
        n,
        minute=draw_minutes(day, rng),
        customer=customer,
        country=country,
        extra=np.where(is_abroad, np.where(rng.random(n) < 0.08, C2, POST), -1),
        n_lines=1 + rng.poisson(np.maximum(size, 0)),
        value=value,
    )
    # A few customers also order from a second country, every second time.
    count = np.bincount(customer, minlength=shop.customers)
    eligible = np.flatnonzero(count >= 2)
    n_moving = min(len(eligible), max(1, round(shop.two_countries_share * shop.customers)))
    is_moving = np.isin(customer, rng.choice(eligible, n_moving, replace=False))
    second = np.flatnonzero(is_moving)
    second = second[np.argsort(customer[second], kind="stable")][::2]
    orders["country"][second] = (orders["country"][second] + 2) % len(COUNTRIES)
    return orders


def draw_anonymous(shop: Shop, n_lines: int, rng: np.random.Generator) -> np.ndarray:
    """Draw invoices without a customer until they hold their share of all lines."""
    n = max(
        1, round(shop.anonymous_share / (1 - shop.anonymous_share) * n_lines / shop.anonymous_lines)
    )
    weight, bump = calendar(shop)
    cumulative = np.concatenate([[0.0], np.cumsum(weight * (1 + shop.season_amplitude * bump))])
    day = draw_days(cumulative, np.zeros(n, int), np.full(n, shop.days - 1), rng)
    lines = 1 + rng.poisson(np.maximum(shop.anonymous_lines - 1, 0) * rng.gamma(1.5, 1 / 1.5, n))
    return make_events(
        n,
        minute=draw_minutes(day, rng),
        extra=np.where(rng.random(n) < 0.5, DOT, -1),
        n_lines=lines,
        value=lines * shop.anonymous_line_value * rng.gamma(2, 0.5, n),
    )


def draw_cancellations(
    shop: Shop, customers: dict[str, np.ndarray], orders: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw returns of orders, returns of earlier goods, and corrections (wrong order, reversal)."""
    weight, _ = calendar(shop)
    trading = np.flatnonzero(weight)
    probability = np.append(customers["return_probability"], 0.03)[orders["customer"]]
    returns = orders[rng.random(len(orders)) < probability]
    day = returns["minute"] // MINUTES + rng.geometric(1 / shop.return_mean_days, len(returns))
    position = np.searchsorted(trading, day)
    returns, position = returns[position < len(trading)], position[position < len(trading)]
    returns["minute"] = draw_minutes(trading[position], rng)
    returns["kind"], returns["prefix"], returns["extra"] = RETURN, 1, -1

    early = np.flatnonzero(customers["acquired_day"] < 0)
    share = shop.earlier_return_share
    who = rng.choice(early, max(1, round(share / (1 - share) * len(returns)))) if len(early) else []
    early_day = rng.choice(trading[trading < 120], len(who))
    earlier = make_events(
        len(who),
        minute=draw_minutes(early_day, rng),
        customer=who,
        country=customers["country"][who],
        kind=REVERSAL,
        prefix=1,
        n_lines=1,
        value=customers["mean_order_value"][who] / shop.lines_per_order,
        content=-1,
    )

    identified = np.flatnonzero(orders["customer"] >= 0)
    n_wrong = min(len(identified), max(1, round(shop.correction_share * len(identified))))
    wrong = orders[rng.choice(identified, n_wrong, replace=False)]
    reversal = wrong.copy()
    wrong["extra"] = reversal["extra"] = -1
    wrong["minute"] -= 9
    reversal["minute"] -= 4
    reversal["kind"], reversal["prefix"] = REVERSAL, 1
    # Goods that no other invoice holds: numbered from the end of the orders on.
    earlier["content"] = len(orders) + np.arange(len(earlier))
    wrong["content"] = reversal["content"] = len(orders) + len(earlier) + np.arange(n_wrong)
    return [returns, earlier, wrong, reversal]


def draw_singles(
    shop: Shop,
    customers: dict[str, np.ndarray],
    orders: np.ndarray,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the invoices of one line: charges, write-offs, gifts, bad debt, the void giant order."""
    trading = np.flatnonzero(calendar(shop)[0])
    per_line = orders["n_lines"].sum() / 100_000
    identified = np.flatnonzero(orders["customer"] >= 0)
    products, first_note = shop.products, 2 * shop.products + len(EXTRAS) + len(CHARGES)
    null = first_note + len(NOTES)
    parts: list[tuple[np.ndarray, np.ndarray]] = []

    def add(events: np.ndarray, **columns: object) -> None:
        lines = np.zeros(len(events), SINGLE_LINE)
        for name, values in columns.items():
            lines[name] = values
        parts.append((events, lines))

    def anonymous(n: int, prefix: int = 0) -> np.ndarray:
        return make_events(n, minute=draw_minutes(rng.choice(trading, n), rng), prefix=prefix)

    for row, (_, _, prefix, has_customer, quantity, low, high, rate) in enumerate(CHARGES[:-1]):
        n = max(1, round(rate * per_line))
        events = anonymous(n, prefix == "C")
        if has_customer:  # a minute after one of the customer's orders: certainly alive
            order = orders[rng.choice(identified, n)]
            events["minute"] = order["minute"] + 1
            events["customer"], events["country"] = order["customer"], order["country"]
        price = np.round(low * (high / low) ** rng.random(n), 2 if low > 0.01 else 3)
        at = len(EXTRAS) + row
        add(events, code=2 * products + at, description=2 * products + at, quantity=quantity,
            price=price)  # fmt: skip
    n = max(2, round(shop.write_offs * per_line))
    note = first_note + rng.integers(0, len(NOTES), n)
    add(
        anonymous(n),
        code=rng.integers(0, products, n),
        description=np.where(rng.random(n) < 0.64, null, note),
        quantity=-np.ceil(rng.lognormal(2.3, 1.4, n)).clip(1, 9_600),
    )
    n = max(2, round(shop.anonymous_zero_prices * per_line))
    product = rng.integers(0, products, n)
    description = np.where(rng.random(n) < 0.52, null, product)
    quantity = np.ceil(rng.lognormal(1, 1.2, n))
    add(anonymous(n), code=product, description=description, quantity=quantity)

    debt = 100 * rng.integers(20, 150) + 0.06
    at = 2 * products + len(EXTRAS) + len(CHARGES) - 1
    day = trading[int(0.84 * len(trading))]
    add(
        make_events(3, minute=day * MINUTES + 14 * 60 + 50 + np.arange(3), prefix=2),
        code=at, description=at, quantity=1, price=debt * np.array([1, -1, -1]),
    )  # fmt: skip

    day = trading[int(0.56 * len(trading))]
    alive = np.flatnonzero((customers["acquired_day"] < day) & (customers["end_day"] >= day))
    count = np.bincount(orders["customer"][identified], minlength=shop.customers)
    who = alive[np.argmin(count[alive])] if len(alive) else orders["customer"][identified[0]]
    add(
        make_events(
            2, minute=day * MINUTES + 10 * 60 + 1 + np.array([0, 16]), prefix=[0, 1],
            customer=who, country=customers["country"][who],
        ),
        code=0, description=0, quantity=[74_215, -74_215], price=catalogue.price[0],
    )  # fmt: skip
    events = np.concatenate([part[0] for part in parts])
    events["kind"], events["n_lines"], events["content"] = SINGLE, 1, np.arange(len(events))
    return events, np.concatenate([part[1] for part in parts])


def plan_shop(shop: Shop, seed: int) -> Plan:
    """Draw customers, catalogue and all invoices in time order; deterministic in the seed.

    Raises
    ------
    ValueError
        When there are so few customers that none of them orders anything.
    """
    rng = np.random.default_rng(seed)
    catalogue = make_catalogue(shop, rng)
    customers = draw_customers(shop, rng)
    orders = draw_orders(shop, customers, rng)
    n_orders = len(orders)
    if not n_orders:
        raise ValueError(f"customers: none of {shop.customers} orders in the period, ask for more")
    orders = np.concatenate([orders, draw_anonymous(shop, int(orders["n_lines"].sum()), rng)])
    orders["content"] = np.arange(len(orders))
    at = orders["customer"][:n_orders]
    customers["orders"] = np.bincount(at, minlength=shop.customers)
    for name, reduce, empty in (
        ("first_minute", np.minimum, np.iinfo("i4").max),
        ("last_minute", np.maximum, -1),
    ):
        customers[name] = np.full(shop.customers, empty, "i4")
        reduce.at(customers[name], at, orders["minute"][:n_orders])
    cancellations = draw_cancellations(shop, customers, orders, rng)
    customers["void_orders"] = np.bincount(cancellations[2]["customer"], minlength=shop.customers)
    single_events, singles = draw_singles(shop, customers, orders, catalogue, rng)
    giant = single_events["customer"][-1]
    customers["void_orders"][giant] += 1
    events = np.concatenate([orders, *cancellations, single_events])
    del orders, cancellations
    events = events[np.argsort(events["minute"], kind="stable")]
    # Only the last invoice of a minute may run into the next one: the file stays in time order.
    is_last = np.append(events["minute"][1:] > events["minute"][:-1], True)
    may_split = (events["kind"] == SALE) & (events["n_lines"] >= 3) & is_last
    events["two_times"] = may_split & (rng.random(len(events)) < shop.two_times_share)
    return Plan(shop, seed, customers, events, singles, catalogue)


def mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit counters: the finaliser of SplitMix64, as uint64 of the same shape."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def child(key: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Derive the key of a numbered child (an order of the seed, a line of an order, a draw)."""
    step = np.asarray(number).reshape(-1).astype(np.uint64) + np.uint64(1)
    return mix(key + step * np.uint64(0x9E3779B97F4A7C15))


def uniform(key: np.ndarray, draw: int) -> np.ndarray:
    """Return the numbered draw of each key, uniform on (0, 1)."""
    return ((child(key, draw) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def make_lines(plan: Plan, first: int, last: int) -> pa.Table:
    """Return the lines of the invoices first … last − 1 (positions in time order).

    A line depends on nothing but the plan and its invoice, so any cut gives the same lines.
    """
    shop, catalogue, events = plan.shop, plan.catalogue, plan.events[first:last]
    counts = events["n_lines"] + (events["extra"] >= 0)
    at = np.repeat(np.arange(len(events)), counts)
    starts = np.cumsum(counts) - counts
    line = np.arange(len(at)) - starts[at]
    kind, n_lines = events["kind"][at], events["n_lines"][at]
    is_product = (kind != SINGLE) & (line < n_lines)
    order_key = child(child(np.array([plan.seed % 2**64], np.uint64), 0), events["content"])
    key = child(order_key[at], line)

    # What: any product, or one of the order's range, both by popularity.
    position = uniform(key, 0)
    cumulative = catalogue.cumulative
    drawn = np.searchsorted(cumulative, uniform(order_key, 0), side="right") - 1
    bounds = cumulative[catalogue.range_bounds[drawn]]
    in_range = uniform(key, 1) < shop.range_share
    low, high = bounds[at, 0], bounds[at, 1]
    position = np.where(in_range, low + position * (high - low), position)
    product = np.clip(np.searchsorted(cumulative, position, "right") - 1, 0, shop.products - 1)

    # How much: the order's value in random shares; a duplicated line has no share of its own.
    is_copy = is_product & (line > 0) & (uniform(key, 2) < shop.duplicate_share)
    is_copy[1:] &= ~is_copy[:-1]
    share = np.where(is_product & ~is_copy, -np.log(uniform(key, 3)), 0.0)
    total = np.add.reduceat(share, starts) if len(events) else np.zeros(0)
    amount = events["value"][at] * share / np.maximum(total, 1e-12)[at]
    is_anonymous = events["customer"][at] < 0
    price = catalogue.price[product] * np.where(is_anonymous, shop.anonymous_price_factor, 1.0)
    is_bulk = amount >= shop.bulk_quantity * price
    price = np.round(np.where(is_bulk, 0.85, 1.0) * price, 2)
    pieces, pack, luck = amount / price, catalogue.pack[product], uniform(key, 4)
    quantity = np.where(
        pieces >= pack, pack * np.floor(pieces / pack + luck), np.floor(pieces + luck)
    )
    quantity = np.maximum(quantity, 1).astype("i8")
    price[(uniform(key, 5) < shop.zero_price_share) & ~is_anonymous] = 0.0
    code = product + shop.products * (uniform(key, 6) < shop.lower_case_share)
    minute = events["minute"][at]
    description = product + shop.products * (minute >= catalogue.renamed_minute[product])
    minute += events["two_times"][at] & (line >= n_lines // 2)

    # Postage and the like; then the single lines, which are drawn already.
    is_extra = line == n_lines
    extra = events["extra"][at][is_extra].astype(int)
    code[is_extra] = description[is_extra] = 2 * shop.products + extra
    quantity[is_extra] = 1
    unit = np.array([row[2] for row in EXTRAS])[extra]
    price[is_extra] = unit * (1 + np.floor(3 * uniform(key[is_extra], 7)))
    is_single = kind == SINGLE
    single = plan.singles[events["content"][at][is_single]]
    code[is_single], description[is_single] = single["code"], single["description"]
    quantity[is_single], price[is_single] = single["quantity"], single["price"]

    # A copy repeats the line before it.
    source = np.arange(len(at)) - is_copy
    code, description, minute, quantity, price = (
        column[source] for column in (code, description, minute, quantity, price)
    )

    # A return takes back some neighbouring lines of the order, exactly, in part, or for less.
    is_return = kind == RETURN
    taken = np.minimum(1 + np.floor(-np.log(uniform(order_key, 1))), events["n_lines"])
    offset = np.floor(uniform(order_key, 2) * (events["n_lines"] - taken + 1))
    keep = ~is_return | ((line >= offset[at]) & (line < (offset + taken)[at]) & ~is_copy)
    how = uniform(key, 8)
    is_cheaper = is_return & (how < shop.cheaper_return_share)
    is_part = is_return & ~is_cheaper & (how >= shop.cheaper_return_share + shop.exact_return_share)
    part = np.maximum(np.floor(quantity * uniform(key, 9)), 1).astype("i8")
    quantity = np.where(is_part, part, quantity)
    price = np.where(is_cheaper, np.round(0.9 * price, 2), price)
    quantity = np.where(is_return | (kind == REVERSAL), -quantity, quantity)

    prefix = pa.array(["", "C", "A"]).take(pa.array(events["prefix"]))
    number = pa.array(FIRST_INVOICE + np.arange(first, last)).cast(pa.string())
    invoice = pc.binary_join_element_wise(prefix, number, "")
    at, minute = at[keep], minute[keep]
    when = np.datetime64(shop.start, "us") + minute.astype("timedelta64[m]")
    customer = events["customer"][at]
    return pa.table(
        [
            invoice.take(pa.array(at)),
            catalogue.codes.take(pa.array(code[keep])),
            catalogue.descriptions.take(pa.array(description[keep])),
            pa.array(quantity[keep].astype("i4")),
            pa.array(when),
            pa.array(price[keep]),
            pa.array(FIRST_CUSTOMER + customer, mask=customer < 0),
            pa.array([*COUNTRIES]).take(pa.array(events["country"][at])),
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


def truth_table(plan: Plan) -> pa.Table:
    """Return one row a customer: the parameters drawn for them and what came of it.

    ``lifetime_end_date`` is the last day on which the customer could order, null for those
    alive at the end. A customer need not order in the period. ``expected_orders`` is the mean of
    ``orders`` given rate, season, lifetime and first order. ``orders`` leaves out
    ``void_orders``: keyed in wrongly and reversed.
    """
    customers, shop = plan.customers, plan.shop
    start = np.datetime64(shop.start, "D")
    none = customers["orders"] == 0
    minutes = {
        name: np.datetime64(shop.start, "us") + np.where(none, 0, customers[name]).astype("m8[m]")
        for name in ("first_minute", "last_minute")
    }
    is_alive = customers["end_day"] >= shop.days - 1
    columns: dict[str, object] = {
        "customer_id": (FIRST_CUSTOMER + np.arange(shop.customers)).astype("i4"),
        "country": pa.array([*COUNTRIES]).take(pa.array(customers["country"])),
        "acquired_date": start + customers["acquired_day"],
        "is_left_censored": customers["acquired_day"] < 0,
        "lifetime_end_date": pa.array(
            start + np.minimum(customers["end_day"], shop.days), mask=is_alive
        ),
        "first_order_at": pa.array(minutes["first_minute"], mask=none),
        "last_order_at": pa.array(minutes["last_minute"], mask=none),
    }
    for name in (
        "orders", "void_orders", "expected_orders", "purchase_rate_per_week",
        "dropout_rate_per_week", "season_amplitude", "mean_order_value", "return_probability",
    ):  # fmt: skip
        columns[name] = customers[name]
    return pa.table(columns)


def write_shop(
    shop: Shop,
    seed: int,
    out: Path,
    truth: Path,
    *,
    chunk_lines: int = CHUNK_LINES,
    progress: Callable[[str], None] | None = None,
) -> int:
    """Write a shop's lines and its truth as Parquet (zstd) and return the number of lines.

    Parameters
    ----------
    shop, seed
        What to draw; the same pair always gives the same rows.
    out, truth
        Files to write, replaced when they exist.
    chunk_lines
        Lines held in memory at a time; it does not change the result.
    progress
        Called with one line of text about every ten seconds.
    """
    plan = plan_shop(shop, seed)
    pq.write_table(truth_table(plan), truth, compression="zstd")
    written, said = 0, time.monotonic()
    with pq.ParquetWriter(out, SCHEMA, compression="zstd", compression_level=9) as writer:
        for table in line_chunks(plan, chunk_lines):
            writer.write_table(table, row_group_size=ROW_GROUP)
            written += table.num_rows
            if progress and time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                progress(f"simulate: {written:,} lines written …")
    return written


def shop_of_lines(shop: Shop, lines: int, seed: int) -> Shop:
    """Return the shop with as many customers as give about so many lines.

    The lines per customer are taken from the plan of a shop of 20,000 customers.
    """
    if lines < 1:
        raise ValueError(f"lines must be positive, not {lines}")
    pilot = plan_shop(dataclasses.replace(shop, customers=20_000), seed).events
    # A return repeats only some of its order's lines, on average about one and a half.
    per_pilot = pilot["n_lines"][pilot["kind"] != RETURN].sum() + (pilot["extra"] >= 0).sum()
    per_pilot += 1.5 * (pilot["kind"] == RETURN).sum()
    return dataclasses.replace(shop, customers=max(1, round(20_000 * lines / float(per_pilot))))


def main(argv: list[str] | None = None) -> int:
    """Run the command line: ``python -m customer_intelligence.simulate --out shop.parquet …``."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_intelligence.simulate",
        description="Write an invented shop's invoice lines and the truth behind them.",
    )
    parser.add_argument("--customers", type=int, default=Shop.customers)
    parser.add_argument("--start", type=date.fromisoformat, default=Shop.start)
    parser.add_argument("--days", type=int, default=Shop.days)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lines", type=int, help="scale the customers to about so many lines")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        shop = Shop(customers=options.customers, start=options.start, days=options.days)
        if options.lines is not None:
            shop = shop_of_lines(shop, options.lines, options.seed)
        written = write_shop(
            shop,
            options.seed,
            options.out,
            options.truth,
            progress=lambda text: print(text, file=sys.stderr, flush=True),
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"simulate: {written:,} lines of {shop.customers:,} customers -> {options.out.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
