"""When customers will order next: quantiles of the days, and whether they beat simple rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from customer_intelligence.frames import numeric
from customer_intelligence.lifetime_value.nbd import NBD

LEVELS = (0.1, 0.5, 0.9)
# Later than this, a day says little more than that no order is expected.
MOST_DAYS = 365

PURCHASE_MODEL = "fitted_model"
OWN_MEAN_GAP = "own_mean_gap"
SHOP_MEDIAN_GAP = "shop_median_gap"
RULES = (OWN_MEAN_GAP, SHOP_MEDIAN_GAP)


@dataclass(frozen=True)
class QuantileJudgement:
    """How quantiles of the days until the next order did within a window.

    Attributes
    ----------
    cutoffs, customers : int
        How many cutoffs, and customers on all of them, were judged.
    pinball_loss : float
        In days, mean over customers and quantiles; days beyond the window count as its end.
    shares : tuple of float, one per level
        Share of customers who ordered by their quantile, of those whose quantile lies within the
        window; NaN where it does for nobody. Right is the level itself.
    """

    cutoffs: int
    customers: int
    pinball_loss: float
    shares: tuple[float, ...]


def order_quantiles(purchases: NBD, summary: pd.DataFrame) -> dict[float, np.ndarray]:
    """Solve P(no order within t days) = 1 − level.

    Parameters
    ----------
    purchases : NBD
        Or one of its descendants.
    summary : DataFrame
        With the history of each customer.

    Returns
    -------
    dict of float to ndarray of float64, shape (n,)
        Whole days from the cutoff on, 1 for its day, by level; infinite where the customer may
        never order with a higher probability than 1 − level.
    """
    x = numeric(summary, "repeat_purchase_days")
    recency, age = numeric(summary, "btyd_recency_weeks"), numeric(summary, "btyd_age_weeks")
    alive = purchases.p_alive(x, recency, age)
    quantiles = {}
    for level in LEVELS:
        share = np.minimum(level / np.maximum(alive, 1e-12), 1)
        with np.errstate(divide="ignore", over="ignore"):
            weeks = (purchases.alpha_ + age) * np.expm1(-np.log1p(-share) / (purchases.r_ + x))
        quantiles[level] = np.maximum(np.ceil(7 * weeks), 1)
    return quantiles


def rule_quantiles(summary: pd.DataFrame) -> dict[str, dict[float, np.ndarray]]:
    """Return the quantiles of the simple rules: exponential waits.

    ``own_mean_gap``: the mean is the customer's own mean days between orders, and that of the other
    rule where there is none. ``shop_median_gap``: the median is the median of the own mean gaps.
    """
    x = numeric(summary, "repeat_purchase_days")
    recency = numeric(summary, "btyd_recency_weeks")
    repeats = x > 0
    own = 7 * recency[repeats] / x[repeats]
    mean_of_shop = float(np.median(own)) / np.log(2) if len(own) else np.inf
    gap = np.full(len(x), mean_of_shop)
    gap[repeats] = own
    means = {OWN_MEAN_GAP: gap, SHOP_MEDIAN_GAP: np.full(len(x), mean_of_shop)}
    return {
        name: {level: np.maximum(np.ceil(-mean * np.log1p(-level)), 1) for level in LEVELS}
        for name, mean in means.items()
    }


def judge_quantiles(
    quantiles: Sequence[dict[float, np.ndarray]],
    days_until_next: Sequence[np.ndarray],
    window_days: int,
) -> QuantileJudgement:
    """Judge quantiles at earlier cutoffs.

    Parameters
    ----------
    quantiles : sequence of dict of float to ndarray, shape (n,)
        One per cutoff, by level.
    days_until_next : sequence of ndarray, shape (n,)
        Days until the order that came, NaN for none.
    window_days : int
        Days from the cutoff on that are known.
    """
    end = window_days + 1.0
    came = np.concatenate(days_until_next)
    came = np.where(np.isnan(came), end, np.minimum(came, end))
    losses, shares = [], []
    for level in LEVELS:
        predicted = np.minimum(np.concatenate([q[level] for q in quantiles]), end)
        early = came - predicted
        losses.append(np.maximum(level * early, (level - 1) * early).mean())
        within = predicted < end
        shares.append(
            float((came[within] <= predicted[within]).mean()) if within.any() else float("nan")
        )
    return QuantileJudgement(len(quantiles), len(came), float(np.mean(losses)), tuple(shares))


def beats_rules(judged: dict[str, QuantileJudgement]) -> bool:
    """Return whether the purchase model has a smaller pinball loss than each simple rule."""
    if PURCHASE_MODEL not in judged:
        return False
    return all(judged[PURCHASE_MODEL].pinball_loss < judged[rule].pinball_loss for rule in RULES)
