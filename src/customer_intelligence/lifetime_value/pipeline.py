"""Lifetime value of all customers: one fit, one prediction in frames.

What is known of a customer (``SUMMARY``): repeat_purchase_days, the days with a purchase after
the first one; btyd_recency_weeks, weeks from the first to the last of them; btyd_age_weeks, weeks
from the first to the end of observation; mean_purchase_day_value, net, over the
repeat_purchase_days + 1 days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from customer_intelligence.frames import INSUFFICIENT_DATA, numeric, sample_positions, text_ids
from customer_intelligence.lifetime_value._histories import group
from customer_intelligence.lifetime_value._optimise import MaximumLikelihood
from customer_intelligence.lifetime_value.bgnbd import BGNBD
from customer_intelligence.lifetime_value.gamma_gamma import GammaGamma
from customer_intelligence.lifetime_value.gate import (
    MIN_CUSTOMERS,
    MIN_REPEAT_CUSTOMERS,
    PURCHASE_MODELS,
    choose_purchase_model,
)
from customer_intelligence.lifetime_value.intervals import spend_quantile
from customer_intelligence.lifetime_value.nbd import NBD

MODELS: dict[str, type[MaximumLikelihood]] = {**PURCHASE_MODELS, "gamma_gamma": GammaGamma}
HISTORY = ("repeat_purchase_days", "btyd_recency_weeks", "btyd_age_weeks")
SUMMARY = (*HISTORY, "mean_purchase_day_value")
HORIZON_DAYS = (90, 365)
MONTH_DAYS = 30  # the step of discounting
BATCH_ROWS = 65_536
# More add cost, hardly any precision: the parameters are then known to about one per cent.
MAX_CUSTOMERS = 100_000

_PARAMETERS = {
    "model": "string",
    "parameter": "string",
    "estimate": "float64",
    "standard_error": "float64",
    "log_likelihood": "float64",
    "fitted_customers": "int64",
    "is_used": "bool",
    "model_status": "string",
}
_PREDICTIONS = {
    "customer_id": "string",
    "predicted_purchase_days_90d": "float64",
    "predicted_purchase_days_90d_low": "float64",
    "predicted_purchase_days_90d_high": "float64",
    "predicted_purchase_days_365d": "float64",
    "p_no_order_90d": "float64",
    "p_alive": "float64",
    "expected_purchase_day_value": "float64",
    "predicted_value_90d": "float64",
    "predicted_value_90d_low": "float64",
    "predicted_value_90d_high": "float64",
    "predicted_value_365d": "float64",
    "predicted_value_365d_low": "float64",
    "predicted_value_365d_high": "float64",
    "model": "string",
    "model_status": "string",
}


@dataclass(frozen=True)
class LifetimeValueModel:
    """All that predicting needs; small, and can be sent to any worker.

    Attributes
    ----------
    name : str or None
        Such as 'bg_nbd × gamma_gamma'; None without enough data.
    status : str
        'ok', 'degenerate_dropout' or 'insufficient_data'.
    purchases : NBD or None
        The purchase model that is used.
    spend : GammaGamma or None
        The model of order values.
    """

    name: str | None
    status: str
    purchases: NBD | None
    spend: GammaGamma | None

    @classmethod
    def from_parameters(cls, parameters: pd.DataFrame) -> LifetimeValueModel:
        """Return the model that the parameters of ``fit_lifetime_value`` describe, in any order."""
        status = parameters["model_status"].iloc[0]
        used = parameters[parameters["is_used"]]
        if used.empty:
            return cls(None, status, None, None)
        fits = {
            name: MODELS[name].from_parameters(**rows.set_index("parameter")["estimate"])
            for name, rows in used.groupby("model")
        }
        spend = fits.pop("gamma_gamma")
        ((name, purchases),) = fits.items()
        if not isinstance(purchases, NBD) or not isinstance(spend, GammaGamma):
            raise ValueError("the parameters are not those of a purchase model and of spend")
        return cls(f"{name} × gamma_gamma", status, purchases, spend)


def fit_lifetime_value(
    summary: pd.DataFrame,
    *,
    dropout_model: str = "bg_nbd",
    min_customers: int = MIN_CUSTOMERS,
    min_repeat_customers: int = MIN_REPEAT_CUSTOMERS,
    max_customers: int = MAX_CUSTOMERS,
    most_starts: int | None = None,
) -> tuple[pd.DataFrame, LifetimeValueModel]:
    """Fit purchases and order values, and decide which purchase model may be used.

    Parameters
    ----------
    summary : DataFrame
        One row a customer, in any order: customer_id (text) and the columns of ``SUMMARY``. Order
        values are fitted on the customers whose mean is positive.
    dropout_model : str
        'bg_nbd' or 'mbg_nbd': used unless it degenerates.
    min_customers, min_repeat_customers : int
        With fewer customers (also of those with a positive mean), or fewer with a repeat purchase,
        nothing is predicted.
    max_customers : int
        Of more customers a sample is fitted, the same one on every engine.
    most_starts : int, optional
        Search purchase models from so many starts only.

    Returns
    -------
    parameters : DataFrame
        One row for each model (NBD, the one with dropout, Gamma-Gamma) and parameter: estimate,
        standard_error, log_likelihood of the model, fitted_customers, is_used, model_status.
        Without enough data the estimates are null.
    model : LifetimeValueModel

    Raises
    ------
    ValueError
        Naming the column that is missing, null, infinite or impossible.
    """
    columns, fitted_rows = _columns(summary), sample_positions(text_ids(summary), max_customers)
    x, t_x, age, value = (values[fitted_rows] for values in columns)
    choice = choose_purchase_model(
        x,
        t_x,
        age,
        dropout_model=dropout_model,
        min_customers=min_customers,
        min_repeat_customers=min_repeat_customers,
        most_starts=most_starts,
    )
    fitted: dict[str, MaximumLikelihood] = {**choice.fitted}
    has_spent = value > 0
    model = LifetimeValueModel(None, INSUFFICIENT_DATA, None, None)
    if choice.model is not None and has_spent.sum() >= min_customers:
        spend = GammaGamma().fit(x[has_spent] + 1, value[has_spent])
        fitted["gamma_gamma"] = spend
        # Otherwise the next order of a customer with a single one has no mean.
        if spend.converged_ and spend.p_ + spend.q_ > 1:
            name = f"{choice.name} × gamma_gamma"
            model = LifetimeValueModel(name, choice.status, choice.model, spend)
    rows = [
        {
            "model": name,
            "parameter": parameter,
            "estimate": fit.parameters_[parameter] if fit else np.nan,
            "standard_error": fit.standard_errors_[parameter] if fit else np.nan,
            "log_likelihood": fit.log_likelihood_ if fit else np.nan,
            "fitted_customers": fit.n_customers_ if fit else 0,
            "is_used": fit is not None and fit in (model.purchases, model.spend),
            "model_status": model.status,
        }
        for name in ("nbd", dropout_model, "gamma_gamma")
        for fit in [fitted.get(name)]
        for parameter in MODELS[name].parameter_names
    ]
    return pd.DataFrame(rows).astype(_PARAMETERS), model


def predict_lifetime_value(
    model: LifetimeValueModel,
    summary: pd.DataFrame,
    *,
    margin: float,
    annual_discount_rate: float,
    interval_level: float = 0.9,
    interval_horizons: tuple[int, ...] = HORIZON_DAYS,
    batch_rows: int = BATCH_ROWS,
) -> pd.DataFrame:
    """Predict purchase days and value of every customer.

    A value is Σ expected purchase days × expected value of one × margin, those of each 30 days
    discounted to their middle. Low and high are quantiles of the predictive distribution at the
    estimated parameters: they span what a customer may do, not the error of the parameters, which
    is small beside it. The values' are discounted as their mean is. A customer's result depends on
    nobody else in the frame, so the frame may be any batch of a larger table.

    Parameters
    ----------
    model : LifetimeValueModel
        Of ``fit_lifetime_value``.
    summary : DataFrame
        As for ``fit_lifetime_value``. A mean order value below 0 counts as 0.
    margin : float
        Share of net revenue that counts as value.
    annual_discount_rate : float
        0.1 for 10 % a year.
    interval_level : float
        Probability that low…high spans.
    interval_horizons : tuple of int
        Horizons whose value gets low and high; they are null in the others.
    batch_rows : int
        Customers at a time, which bounds the memory.

    Returns
    -------
    DataFrame
        One row a customer, sorted by customer_id, in the units of mean_purchase_day_value.
        p_alive is null where the model knows no dropout; without enough data all predictions are
        null.

    Raises
    ------
    ValueError
        As ``fit_lifetime_value``; for a rate of −1 or less, or a level not between 0 and 1.
    """
    if not annual_discount_rate > -1 or not 0 < interval_level < 1:
        raise ValueError("annual_discount_rate must exceed -1, interval_level lie within 0 and 1")
    ids = text_ids(summary).to_numpy(dtype=object)
    order = np.argsort(ids, kind="stable")
    columns = tuple(values[order] for values in _columns(summary))
    table = pd.DataFrame({"customer_id": ids[order]}).reindex(columns=list(_PREDICTIONS))
    table["model"], table["model_status"] = model.name, model.status
    if model.purchases is not None:
        batches = [
            _predict(
                model,
                tuple(values[start : start + batch_rows] for values in columns),
                margin,
                annual_discount_rate,
                interval_level,
                interval_horizons,
            )
            for start in range(0, len(table), batch_rows)
        ]
        for name in batches[0] if batches else ():
            table[name] = np.concatenate([batch[name] for batch in batches])
    return table.astype(_PREDICTIONS)


def expected_purchases(
    model: LifetimeValueModel, summary: pd.DataFrame, horizon_days: int
) -> np.ndarray:
    """Return the expected purchase days of each customer within the horizon, shape (n,).

    Raises
    ------
    ValueError
        As ``fit_lifetime_value``; without a model.
    """
    if model.purchases is None:
        raise ValueError("without a model nothing can be predicted")
    return model.purchases.expected_purchases(horizon_days / 7, *_columns(summary)[:-1])


def predict_interval(
    model: LifetimeValueModel,
    summary: pd.DataFrame,
    horizon_days: int,
    *,
    interval_level: float = 0.9,
    batch_rows: int = BATCH_ROWS,
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles of the predictive distribution of net revenue, undiscounted, shape (n,).

    Parameters
    ----------
    model : LifetimeValueModel
        With purchases and spend.
    summary : DataFrame
        As for ``fit_lifetime_value``.
    horizon_days : int
        Length of the window ahead.
    interval_level : float
        Probability that low…high spans.
    batch_rows : int
        Customers at a time, which bounds the memory.
    """
    purchases, spend = model.purchases, model.spend
    if purchases is None or spend is None:
        raise ValueError("without a model nothing can be predicted")
    *history, value = _columns(summary)
    low, high = (
        np.concatenate(
            [
                spend_quantile(
                    level,
                    horizon_days / 7,
                    purchases,
                    spend,
                    (history[0][rows], history[1][rows], history[2][rows]),
                    np.maximum(value[rows], 0),
                )
                for start in range(0, max(len(value), 1), batch_rows)
                for rows in [slice(start, start + batch_rows)]
            ]
        )
        for level in ((1 - interval_level) / 2, (1 + interval_level) / 2)
    )
    return low, high


def expected_purchases_by_week(
    model: LifetimeValueModel,
    summary: pd.DataFrame,
    *,
    weeks: int,
    max_customers: int = MAX_CUSTOMERS,
) -> np.ndarray:
    """Predict how many purchase days all customers together have had by the end of each week.

    Parameters
    ----------
    model : LifetimeValueModel
        Of ``fit_lifetime_value``.
    summary : DataFrame
        As for ``fit_lifetime_value``.
    weeks : int
        Number of weeks ahead.
    max_customers : int
        Of more customers a sample is added up and scaled to all.

    Returns
    -------
    ndarray of float64, shape (weeks,)
        NaN without enough data for a model.

    Raises
    ------
    ValueError
        As ``fit_lifetime_value``.
    """
    columns, rows = _columns(summary), sample_positions(text_ids(summary), max_customers)
    if model.purchases is None:
        return np.full(weeks, np.nan)
    histories = group(*(values[rows] for values in columns[:-1]))
    history = histories.x[histories.row_x], histories.recency, histories.age
    scale = len(summary) / len(rows)
    return scale * np.array(
        [
            histories.customers @ model.purchases.expected_purchases(week, *history)
            for week in range(1, weeks + 1)
        ]
    )


def _predict(
    model: LifetimeValueModel,
    columns: tuple[np.ndarray, ...],
    margin: float,
    annual_discount_rate: float,
    interval_level: float,
    interval_horizons: tuple[int, ...],
) -> dict[str, np.ndarray]:
    """Return the predictions of one batch by name."""
    *of_purchases, value = columns
    x, t_x, age = of_purchases
    history, value = (x, t_x, age), np.maximum(value, 0)
    purchases, spend = model.purchases, model.spend
    if purchases is None or spend is None:
        raise ValueError("without a model nothing can be predicted")
    tails = {"low": (1 - interval_level) / 2, "high": (1 + interval_level) / 2}
    order_value = spend.expected_spend(history[0] + 1, value)

    first, last = HORIZON_DAYS
    steps = np.unique([*range(0, last, MONTH_DAYS), *HORIZON_DAYS])
    until = [purchases.expected_purchases(days / 7, *history) for days in steps]
    result = {
        "predicted_purchase_days_90d": until[list(steps).index(first)],
        "predicted_purchase_days_365d": until[list(steps).index(last)],
        "p_no_order_90d": purchases.p_no_purchase(first / 7, *history),
        "expected_purchase_day_value": order_value,
    }
    if isinstance(purchases, BGNBD):
        result["p_alive"] = purchases.p_alive(*history)
    for tail, level in tails.items():
        result[f"predicted_purchase_days_90d_{tail}"] = purchases.purchase_quantile(
            level, first / 7, *history
        )
    worth, orders = np.zeros(len(value)), np.zeros(len(value))
    for i, days in enumerate(steps[1:], start=1):
        middle = (steps[i - 1] + days) / 2
        worth = worth + (until[i] - until[i - 1]) * (1 + annual_discount_rate) ** (-middle / 365)
        if days in HORIZON_DAYS:
            name, orders = f"predicted_value_{days}d", until[i]
            result[name] = worth * order_value * margin
            if days not in interval_horizons:
                continue
            share = np.divide(worth, orders, out=np.ones(len(orders)), where=orders > 0) * margin
            for tail, level in tails.items():
                result[f"{name}_{tail}"] = share * spend_quantile(
                    level, days / 7, purchases, spend, history, value
                )
    return result


def _columns(summary: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Return the columns of ``SUMMARY`` as float64, shape (n,) each."""
    columns = tuple(numeric(summary, name) for name in SUMMARY)
    for name, values in zip(SUMMARY, columns, strict=True):
        if np.isnan(values).any():
            raise ValueError(f"column {name!r} holds a null")
    if text_ids(summary).duplicated().any():
        raise ValueError("a customer_id occurs twice")
    return columns
