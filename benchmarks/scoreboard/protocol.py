"""The protocol: what a method may know, what came after, and how sure a score is.

Events are one row per customer and day: customer_id, day, is_purchase, amount (NaN without money).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

DRAWS = 500
STEP_DAYS = 30
RECENT_DAYS = (30, 90, 365)
# A method gets the events before the cutoff, the cutoff and the days ahead: nothing else.
Method = Callable[[pd.DataFrame, pd.Timestamp, int], dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class Shop:
    """A log of purchases and what is known about it.

    ``published`` is a holdout that others have used, as (cutoff, days, figures of others);
    ``windows`` are those of 90 days, the latest first; ``truth`` returns what an observer who knows
    the parameters of every customer would forecast.
    """

    name: str
    about: str
    events: pd.DataFrame
    windows: tuple[pd.Timestamp, ...]
    published: tuple[pd.Timestamp, int, str] | None = None
    truth: Callable[[pd.Timestamp, int], pd.DataFrame] | None = None

    @property
    def has_money(self) -> bool:
        """Whether purchases have amounts."""
        return bool(self.events["amount"].notna().all())


def before(events: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Return what was known when the day of the cutoff began."""
    return events[events["day"] < cutoff].reset_index(drop=True)


def run(
    method: Method, events: pd.DataFrame, cutoff: pd.Timestamp, days: int
) -> dict[str, pd.DataFrame]:
    """Let a method forecast from what was before the cutoff. There is no other way to run one."""
    return method(before(events, cutoff), cutoff, days)


def outcomes(
    events: pd.DataFrame, cutoff: pd.Timestamp, days: int, customers: pd.Index
) -> pd.DataFrame:
    """Return purchases (days with one), revenue and churn of the customers in the window."""
    end = cutoff + pd.Timedelta(days=days)
    window = events[(events["day"] >= cutoff) & (events["day"] < end)]
    sums = window.groupby("customer_id")[["is_purchase", "amount"]].sum()
    sums = sums.reindex(customers, fill_value=0).astype(float)
    sums.columns = ["purchases", "revenue"]
    return sums.assign(churn=(sums["purchases"] == 0).astype(float))


def summarise(events: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Return one row per customer who bought before the cutoff, sorted: what every log can tell.

    The names are those of `int_btyd_summary` and of the churn features. Without money an amount
    counts as 1 a purchase.
    """
    known = before(events, cutoff)
    known = known.assign(
        ago=(cutoff - known["day"]).dt.days, amount=known["amount"].fillna(known["is_purchase"] * 1)
    )
    bought = known[known["is_purchase"]].groupby("customer_id")["ago"]
    table = pd.DataFrame({"purchase_days": bought.size(), "tenure_days": bought.max()})
    table["days_since_last_order"] = bought.min()
    table["net_revenue"] = known.groupby("customer_id")["amount"].sum()
    for days in RECENT_DAYS:
        recent = known[known["ago"] <= days].groupby("customer_id")[["is_purchase", "amount"]].sum()
        table[f"purchase_days_{days}d"] = recent["is_purchase"]
        table[f"net_revenue_{days}d"] = recent["amount"]
    table = table.fillna(0).astype(float)
    repeats = table["purchase_days"] - 1
    span = table["tenure_days"] - table["days_since_last_order"]
    table["mean_gap_days"] = span / repeats.where(repeats > 0)
    table["silence_over_mean_gap"] = table["days_since_last_order"] / table["mean_gap_days"]
    table["repeat_purchase_days"] = repeats
    table["btyd_recency_weeks"], table["btyd_age_weeks"] = span / 7, table["tenure_days"] / 7
    table["mean_purchase_day_value"] = table["net_revenue"] / table["purchase_days"]
    table["history_days"] = float((cutoff - events["day"].min()).days)
    return table.sort_index()


# ---------------------------------------------------------------- scores of resampled customers


def resamples(customers: int) -> np.ndarray:
    """Return how often each customer is drawn, shape (1 + draws, n); the first row is the data."""
    drawn = np.random.default_rng(0).multinomial(
        customers, np.full(customers, 1 / customers), DRAWS
    )
    return np.vstack([np.ones((1, customers)), drawn])


def amount_scores(
    forecast: np.ndarray, actual: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the scores of a forecast of amounts, shape (1 + draws,) each."""
    error, total = forecast - actual, weights.sum(axis=1)
    ranks = [rankdata(values) for values in (forecast, actual)]
    a, b = (values - values.mean() for values in ranks)
    mean_a, mean_b = weights @ a / total, weights @ b / total
    spread = (weights @ a**2 / total - mean_a**2) * (weights @ b**2 / total - mean_b**2)
    covariance = weights @ (a * b) / total - mean_a * mean_b
    return {
        "MAE": weights @ np.abs(error) / total,
        "MAE ÷ mean": (weights @ np.abs(error)) / (weights @ actual),
        "RMSE": np.sqrt(weights @ error**2 / total),
        "bias": (weights @ forecast) / (weights @ actual) - 1,
        "rank": covariance / np.sqrt(np.where(spread > 1e-9, spread, np.nan)),
    }


def probability_scores(
    forecast: np.ndarray, actual: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the scores of a forecast of probabilities, shape (1 + draws,) each.

    ECE and its floor (the ECE that perfectly calibrated scores have at this number of customers)
    are those of the project: deciles of the score, Σ √(2 Σ p (1 − p) ÷ π) ÷ n.
    """
    order = np.argsort(forecast, kind="stable")
    p, y, w = forecast[order], actual[order], weights[:, order]
    total = w.sum(axis=1)
    churned = w * y
    # Customers of one score share its place: half of them count as ranked below.
    starts = np.flatnonzero(np.r_[True, np.diff(p) > 0])
    lost, stayed = (np.add.reduceat(v, starts, axis=1) for v in (churned, w - churned))
    below = np.cumsum(stayed, axis=1) - stayed / 2
    auc = (lost * below).sum(axis=1) / (lost.sum(axis=1) * stayed.sum(axis=1))
    deciles = np.arange(len(p)) * 10 // len(p)
    parts = np.flatnonzero(np.r_[True, np.diff(deciles) > 0])
    missed = np.add.reduceat(w * (p - y), parts, axis=1)
    variance = np.add.reduceat(w * (p * (1 - p)), parts, axis=1)
    said = np.clip(p, 1e-15, 1 - 1e-15)
    return {
        "AUC": auc,
        "Brier": w @ (p - y) ** 2 / total,
        "log loss": -w @ np.log(np.where(y == 1, said, 1 - said)) / total,
        "ECE": np.abs(missed).sum(axis=1) / total,
        "floor": np.sqrt(2 * variance / np.pi).sum(axis=1) / total,
    }


def interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a score whose first entry is that of the data."""
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return float(low), float(high)
