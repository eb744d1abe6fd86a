"""Invoices that take goods back.

Returns: a returned line is an exact reversal, or a part of the quantity at the same price, or all
of it at a lower price (``lines`` decides). On top come returns of goods bought before the start.

Corrections: some orders are first keyed in wrongly, reversed in whole minutes later, and keyed in
again. Only the last one counts as an order in the truth.
"""

import numpy as np

from tools.simulate.events import CANCELLED, RETURN, REVERSAL, make_events
from tools.simulate.shop import Shop
from tools.simulate.trading_times import MINUTES, draw_minutes, trading_days

ANONYMOUS_RETURN_PROBABILITY = 0.03


def draw_returns(
    shop: Shop, customers: dict[str, np.ndarray], orders: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw the returns of orders, on a trading day of the period."""
    trading = trading_days(shop)
    # An order without a customer, number −1, finds the last entry.
    probability = np.append(customers["return_probability"], ANONYMOUS_RETURN_PROBABILITY)
    returns = orders[rng.random(len(orders)) < probability[orders["customer"]]]
    day = returns["minute"] // MINUTES + rng.geometric(1 / shop.return_mean_days, len(returns))
    position = np.searchsorted(trading, day)
    returns, position = returns[position < len(trading)], position[position < len(trading)]
    returns["minute"] = draw_minutes(trading[position], rng)
    returns["kind"], returns["prefix"], returns["extra"] = RETURN, CANCELLED, -1
    return returns


def draw_earlier_returns(
    shop: Shop,
    customers: dict[str, np.ndarray],
    n_returns: int,
    first_content: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw returns, of one line, in the first 120 days, of goods bought before the start."""
    trading = trading_days(shop)
    early = np.flatnonzero(customers["acquired_day"] < 0)
    share = shop.earlier_return_share
    n = max(1, round(share / (1 - share) * n_returns)) if len(early) else 0
    who = rng.choice(early, n)
    day = rng.choice(trading[trading < 120], n)
    return make_events(
        n,
        minute=draw_minutes(day, rng),
        customer=who,
        country=customers["country"][who],
        kind=REVERSAL,
        prefix=CANCELLED,
        n_lines=1,
        value=customers["mean_order_value"][who] / shop.lines_per_order,
        content=first_content + np.arange(n),
    )


def draw_corrections(
    shop: Shop, orders: np.ndarray, first_content: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the wrong orders, nine minutes before the right ones, and their reversals."""
    identified = np.flatnonzero(orders["customer"] >= 0)
    n = min(len(identified), max(1, round(shop.correction_share * len(identified))))
    wrong = orders[rng.choice(identified, n, replace=False)]
    wrong["extra"], wrong["content"] = -1, first_content + np.arange(n)
    reversal = wrong.copy()
    wrong["minute"] -= 9
    reversal["minute"] -= 4
    reversal["kind"], reversal["prefix"] = REVERSAL, CANCELLED
    return wrong, reversal


def draw_cancellations(
    shop: Shop, customers: dict[str, np.ndarray], orders: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the returns of orders, returns of earlier goods, wrong orders and their reversals.

    Goods that no order holds are numbered from the end of the orders on.
    """
    n = len(orders)
    returns = draw_returns(shop, customers, orders, rng)
    earlier = draw_earlier_returns(shop, customers, len(returns), n, rng)
    wrong, reversal = draw_corrections(shop, orders, n + len(earlier), rng)
    return returns, earlier, wrong, reversal
