"""Orders of the customers, and invoices without a customer.

An order has 1 + Poisson lines, more for a larger value. All of this is drawn at once; the lines
are made later.
"""

import math

import numpy as np

from tools.simulate.events import make_events
from tools.simulate.shop import Shop
from tools.simulate.trading_times import (
    calendar,
    cumulate,
    draw_days,
    draw_days_of_period,
    draw_minutes,
)
from tools.simulate.vocabulary import C2, COUNTRIES, DOT, POST


def draw_order_days(
    shop: Shop, customers: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw when the customers order.

    Returns
    -------
    customer, day : (orders,) arrays
    expected : (customers,) array
        Mean number of orders given rate, season, lifetime and first order.
    """
    weight, bump = calendar(shop)
    rate, amplitude = customers["purchase_rate_per_week"], customers["season_amplitude"]
    first = np.minimum(np.maximum(customers["acquired_day"] + 1, 0), shop.days)
    last = np.maximum(np.minimum(customers["end_day"], shop.days - 1), first - 1)
    is_new = customers["acquired_day"] >= 0
    who, days, expected = [np.flatnonzero(is_new)], [customers["acquired_day"][is_new]], is_new
    # A Poisson process with a seasonal intensity is the sum of a flat and a peaked one.
    for daily, factor in ((weight / 7, rate), (weight / 7 * bump, rate * amplitude)):
        cumulative = cumulate(daily)
        mean = factor * (cumulative[last + 1] - cumulative[first])
        expected = expected + mean
        who.append(np.repeat(np.arange(shop.customers), rng.poisson(mean)))
        days.append(draw_days(cumulative, first[who[-1]], last[who[-1]], rng))
    return np.concatenate(who), np.concatenate(days), expected


def draw_orders(
    shop: Shop, customers: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw all orders of the customers, and return them with the number expected of each."""
    customer, day, expected = draw_order_days(shop, customers, rng)
    n, p, q = len(customer), shop.value_shape, shop.value_spread_shape
    value = customers["mean_order_value"][customer] * rng.gamma(p, 1 / p, n)
    # The mean of √value, so that the lines of an order are as many as asked for on average.
    root_mean = math.sqrt(shop.value_mean * (q - 1) / p) * math.exp(
        math.lgamma(p + 0.5) - math.lgamma(p) + math.lgamma(q - 0.5) - math.lgamma(q)
    )
    size = (shop.lines_per_order - 1) * np.sqrt(value) / root_mean * rng.gamma(2, 0.5, n)
    country = customers["country"][customer]
    has_postage = (country > 0) & (rng.random(n) < 0.8)
    orders = make_events(
        n,
        minute=draw_minutes(day, rng),
        customer=customer,
        country=country,
        extra=np.where(has_postage, np.where(rng.random(n) < 0.08, C2, POST), -1),
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
    return orders, expected


def draw_anonymous(shop: Shop, n_lines: int, rng: np.random.Generator) -> np.ndarray:
    """Draw invoices without a customer, besides ``n_lines`` lines of customers."""
    share = shop.anonymous_share
    n = max(1, round(share / (1 - share) * n_lines / shop.anonymous_lines))
    day = draw_days_of_period(shop, n, rng)
    lines = 1 + rng.poisson(np.maximum(shop.anonymous_lines - 1, 0) * rng.gamma(1.5, 1 / 1.5, n))
    return make_events(
        n,
        minute=draw_minutes(day, rng),
        extra=np.where(rng.random(n) < 0.5, DOT, -1),
        n_lines=lines,
        value=lines * shop.anonymous_line_value * rng.gamma(2, 0.5, n),
    )
