"""The predictive distribution of what a customer will spend."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from customer_intelligence.lifetime_value._histories import checked
from customer_intelligence.lifetime_value.gamma_gamma import GammaGamma
from customer_intelligence.lifetime_value.nbd import NBD

# Numbers of purchases are put together in so many classes; usually each has one of its own.
CLASSES = 12
BISECTIONS = 12


def spend_quantile(
    level: float,
    horizon: float,
    purchases: NBD,
    spend: GammaGamma,
    history: tuple[ArrayLike, ArrayLike, ArrayLike],
    mean_value: ArrayLike,
) -> np.ndarray:
    """Return the smallest v with P(spend within the horizon ≤ v) ≥ level.

    The law of total probability: P(spend ≤ v) = Σ P(k purchases) · P(k orders bring ≤ v), where
    what k orders bring is a ratio of two Gamma variables. That ratio's distribution is taken from
    Paulson's normal approximation of the F distribution (1942, Annals of Mathematical Statistics
    13(2)), right to about 0.01. No random numbers: a customer's result depends on nobody else.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    horizon : float
        Weeks.
    purchases : NBD
        Or one of its descendants, with parameters.
    spend : GammaGamma
        With parameters.
    history : tuple of array-like, shape (n,) each
        Frequency, recency and T as for ``NBD.fit``.
    mean_value : array-like, shape (n,)
        Mean value of the frequency + 1 orders so far.

    Returns
    -------
    ndarray of float64, shape (n,)
        In money, not discounted; 0 where no purchase is at least as likely as the level.
    """
    x, t_x, age = checked(*history)
    result = np.zeros(len(x))
    rows = np.flatnonzero(purchases.p_no_purchase(horizon, x, t_x, age) < level)
    history = x[rows], t_x[rows], age[rows]
    shape, rate = spend.posterior(history[0] + 1, np.asarray(mean_value)[rows])

    # Classes of equal width over all that matters to the level; the outer ones hold the rest.
    tail = min(level, 1 - level) / 4
    fewest, most = (purchases.purchase_quantile(p, horizon, *history) for p in (tail, 1 - tail))
    width = np.maximum(1, (most - fewest) / CLASSES)
    edges = 1 + fewest[:, None] + np.floor(np.arange(CLASSES + 1) * width[:, None])
    orders_shape = spend.p_ * (edges[:, :-1] + edges[:, 1:] - 1) / 2
    edges[:, 0] = 1
    reached = np.column_stack(
        [purchases.p_at_least(edge, horizon, *history) for edge in edges[:, :-1].T]
    )
    mass = reached - np.column_stack([reached[:, 1:], np.zeros(len(rows))])

    # With w the cube root of the F ratio, proportional to that of v, P(k orders bring > v).
    root = np.cbrt(shape[:, None] / (orders_shape * rate[:, None]))
    of_orders, of_rate = 1 / (9 * orders_shape), (1 / (9 * shape))[:, None]

    def exceeds(v_root: np.ndarray, i: np.ndarray) -> np.ndarray:
        w = root[i] * v_root[:, None]
        z = (1 - of_orders[i] - (1 - of_rate[i]) * w) / np.sqrt(of_rate[i] * w**2 + of_orders[i])
        found: np.ndarray = (mass[i] * ndtr(z)).sum(axis=1) > 1 - level
        return found

    low, high = np.zeros(len(rows)), np.cbrt(orders_shape[:, 0] * rate / shape)
    i = np.arange(len(rows))
    while len(i := i[exceeds(high[i], i)]):
        low[i], high[i] = high[i], 2 * high[i]
    i = np.arange(len(rows))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_low = exceeds(middle, i)
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    result[rows] = high**3
    return result
