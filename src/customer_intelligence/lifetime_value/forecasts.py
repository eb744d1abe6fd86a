"""Forecasts of a customer's net revenue over a horizon that compete with the fitted model.

Every forecast is row-wise: it scores each customer from the summary of that customer and from
plain parameters. Amounts are undiscounted net revenue in the units of mean_purchase_day_value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from customer_intelligence.frames import numeric
from customer_intelligence.lifetime_value.pipeline import LifetimeValueModel, expected_purchases

FITTED_MODEL = "fitted_model"
LAST_365_DAYS = "last_365_days"
GEOMETRIC_MEAN = "geometric_mean"
TWO_PART = "two_part"
# From the simplest on: equal errors go to the simpler forecast.
FORECASTS = (LAST_365_DAYS, FITTED_MODEL, GEOMETRIC_MEAN, TWO_PART)

YEAR_DAYS = 365
# With fewer customers on either side, a logistic regression on nine features is not fitted.
MIN_OUTCOMES = 50


@dataclass(frozen=True)
class TwoPart:
    """Parameters of the two-part regression: P(any revenue) × expected revenue if any.

    Attributes
    ----------
    unit : float
        Median order value in training; amounts are divided by it.
    centre, scale : tuple of float, length 9
        Mean and standard deviation of the features in training.
    any_revenue, log_revenue : tuple of float, length 10
        Intercept and coefficients of the logistic and of the linear regression.
    smearing : float
        Mean revenue ÷ mean of exp(fitted log revenue) in training (Duan 1983).
    lowest, highest : float
        Range of log revenue in training; predictions stay within it.
    """

    unit: float
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    any_revenue: tuple[float, ...]
    log_revenue: tuple[float, ...]
    smearing: float
    lowest: float
    highest: float


def fit_two_part(summaries: Sequence[pd.DataFrame], horizon_days: int) -> TwoPart | None:
    """Fit the two-part regression on earlier cutoffs whose windows are over.

    Parameters
    ----------
    summaries : sequence of DataFrame
        One frame per cutoff, with the columns of `int_btyd_summary`.
    horizon_days : int
        Chooses the outcome ``actual_net_revenue_<horizon_days>d``.

    Returns
    -------
    TwoPart or None
        None without summaries, or with fewer than 50 customers with or without revenue.
    """
    # Only who fits needs scikit-learn: whoever scores by parameters imports this module, too.
    from sklearn.linear_model import LogisticRegression, Ridge

    if not summaries:
        return None
    frame = pd.concat(summaries, ignore_index=True).sort_values(
        ["cutoff_date", "customer_id"], ignore_index=True
    )
    revenue = numeric(frame, f"actual_net_revenue_{horizon_days}d")
    spent = revenue > 0
    value = numeric(frame, "mean_purchase_day_value")
    if min(spent.sum(), (~spent).sum()) < MIN_OUTCOMES or not (value > 0).any():
        return None
    unit = float(np.median(value[value > 0]))
    features = _features(frame, unit)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1
    features = (features - centre) / scale
    log_revenue = np.log(revenue[spent])
    with threadpool_limits(limits=1):
        any_revenue = LogisticRegression(max_iter=500).fit(features, spent)
        amount = Ridge().fit(features[spent], log_revenue)
    fitted = np.exp(amount.predict(features[spent]))
    return TwoPart(
        unit=unit,
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        any_revenue=(float(any_revenue.intercept_[0]), *any_revenue.coef_[0].tolist()),
        log_revenue=(float(amount.intercept_), *amount.coef_.tolist()),
        smearing=float(revenue[spent].mean() / fitted.mean()),
        lowest=float(log_revenue.min()),
        highest=float(log_revenue.max()),
    )


def score_two_part(two_part: TwoPart, summary: pd.DataFrame) -> np.ndarray:
    """Return the expected net revenue of each customer, shape (n,)."""
    features = (_features(summary, two_part.unit) - two_part.centre) / two_part.scale
    log_odds = two_part.any_revenue[0] + features @ np.array(two_part.any_revenue[1:])
    log_revenue = two_part.log_revenue[0] + features @ np.array(two_part.log_revenue[1:])
    revenue = np.exp(np.clip(log_revenue, two_part.lowest, two_part.highest))
    scored: np.ndarray = two_part.smearing * revenue / (1 + np.exp(-log_odds))
    return scored


def score_forecasts(
    model: LifetimeValueModel, two_part: TwoPart | None, summary: pd.DataFrame, horizon_days: int
) -> dict[str, np.ndarray]:
    """Return the expected net revenue of each customer by forecast, shape (n,) each.

    Parameters
    ----------
    model : LifetimeValueModel
        Fitted at the cutoff of the summary.
    two_part : TwoPart or None
        Fitted before that cutoff; without it the forecast is left out.
    summary : DataFrame
        Columns of `int_btyd_summary` at one cutoff.
    horizon_days : int
        Length of the window from the cutoff on.

    Returns
    -------
    dict of str to ndarray
        Empty without a fitted model.
    """
    if model.purchases is None or model.spend is None:
        return {}
    value = np.maximum(numeric(summary, "mean_purchase_day_value"), 0)
    orders = numeric(summary, "repeat_purchase_days") + 1
    fitted = expected_purchases(model, summary, horizon_days) * model.spend.expected_spend(
        orders, value
    )
    known_days = np.clip(numeric(summary, "history_days"), 1, YEAR_DAYS)
    repeated = np.maximum(numeric(summary, "net_revenue_365d"), 0) * horizon_days / known_days
    forecasts = {
        LAST_365_DAYS: repeated,
        FITTED_MODEL: fitted,
        GEOMETRIC_MEAN: np.sqrt(fitted * repeated),
    }
    if two_part is not None:
        forecasts[TWO_PART] = score_two_part(two_part, summary)
    return forecasts


def _features(summary: pd.DataFrame, unit: float) -> np.ndarray:
    """Return the features, shape (n, 9); amounts in units of the median order value."""
    x = numeric(summary, "repeat_purchase_days")
    recency, age = numeric(summary, "btyd_recency_weeks"), numeric(summary, "btyd_age_weeks")
    known_days = np.clip(numeric(summary, "history_days"), 1, YEAR_DAYS)

    def amount(column: str) -> np.ndarray:
        found: np.ndarray = np.maximum(numeric(summary, column), 0) / unit
        return found

    return np.column_stack(
        [
            np.log1p(x),
            np.log1p(numeric(summary, "purchase_days_90d")),
            np.log1p(7 * (age - recency)),
            np.log1p(age),
            np.log1p(amount("net_revenue_90d")),
            np.log1p(amount("net_revenue_365d") * YEAR_DAYS / known_days),
            np.log1p(amount("mean_purchase_day_value")),
            # Four weeks more: the rate of somebody who came this week is hardly known.
            x / (age + 4),
            recency / age,
        ]
    )
