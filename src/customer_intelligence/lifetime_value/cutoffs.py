"""Lifetime value as of several days: the present, and days of the past to judge it by.

The frames are those of ``pipeline`` with a cutoff_date in front. Every cutoff has a fit of its own,
which knows only what was summarised before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from customer_intelligence.lifetime_value.pipeline import (
    _PARAMETERS,
    _PREDICTIONS,
    LifetimeValueModel,
    expected_purchases_by_week,
    fit_lifetime_value,
    predict_lifetime_value,
)

_TRACKING = {"week": "int32", "predicted_purchase_days": "float64"}


def fit_cutoffs(
    summaries: pd.DataFrame, *, dropout_model: str, min_customers: int, min_repeat_customers: int
) -> pd.DataFrame:
    """Fit every cutoff.

    Parameters
    ----------
    summaries : DataFrame
        One row a customer and cutoff: cutoff_date and the columns of ``fit_lifetime_value``.
    dropout_model, min_customers, min_repeat_customers
        As for ``fit_lifetime_value``.

    Returns
    -------
    DataFrame
        cutoff_date and the parameters of ``fit_lifetime_value``.

    Raises
    ------
    ValueError
        As ``fit_lifetime_value``.
    """
    parts = {
        cutoff: fit_lifetime_value(
            summary,
            dropout_model=dropout_model,
            min_customers=min_customers,
            min_repeat_customers=min_repeat_customers,
        )[0]
        for cutoff, summary in summaries.groupby("cutoff_date")
    }
    return _stacked(parts, _PARAMETERS)


def predict_cutoffs(
    parameters: pd.DataFrame,
    summaries: pd.DataFrame,
    *,
    margin: float,
    annual_discount_rate: float,
) -> pd.DataFrame:
    """Predict every cutoff with the parameters that were fitted on it.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    summaries : DataFrame
        As for ``fit_cutoffs``.
    margin, annual_discount_rate
        As for ``predict_lifetime_value``.

    Returns
    -------
    DataFrame
        cutoff_date and the predictions of ``predict_lifetime_value``.

    Raises
    ------
    ValueError
        As ``predict_lifetime_value``.
    """
    parts = {
        cutoff: predict_lifetime_value(
            model, summary, margin=margin, annual_discount_rate=annual_discount_rate
        )
        for cutoff, model, summary in _models(parameters, summaries)
    }
    return _stacked(parts, _PREDICTIONS)


def track_cutoffs(parameters: pd.DataFrame, summaries: pd.DataFrame) -> pd.DataFrame:
    """Predict the purchase days by the end of each whole week of every cutoff's holdout.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    summaries : DataFrame
        As for ``fit_cutoffs``, and holdout_days: days from the cutoff on that are known by now,
        null at the present.

    Returns
    -------
    DataFrame
        cutoff_date, week (1 for the first) and predicted_purchase_days of all customers since the
        cutoff, null without a model.

    Raises
    ------
    ValueError
        As ``expected_purchases_by_week``.
    """
    known = summaries[summaries["holdout_days"].notna()]
    parts = {}
    for cutoff, model, summary in _models(parameters, known):
        weeks = int(summary["holdout_days"].iloc[0]) // 7
        orders = expected_purchases_by_week(model, summary, weeks=weeks)
        parts[cutoff] = pd.DataFrame(
            {"week": np.arange(1, weeks + 1), "predicted_purchase_days": orders}
        ).astype(_TRACKING)
    return _stacked(parts, _TRACKING)


def describe_fits(parameters: pd.DataFrame) -> str:
    """Say what was fitted in one progress line, given the result of ``fit_cutoffs``."""
    if parameters.empty:
        return "lifetime value: skipped (no customers)"
    texts = []
    for cutoff, rows in parameters.groupby("cutoff_date"):
        model = LifetimeValueModel.from_parameters(rows)
        customers = rows["fitted_customers"].max()
        what = f"{model.name or 'skipped'} ({model.status}; {customers:,} customers fitted)"
        texts.append(f"before {cutoff:%Y-%m-%d} {what}")
    return f"lifetime value: {' … '.join(texts)}"


def _models(
    parameters: pd.DataFrame, summaries: pd.DataFrame
) -> Iterator[tuple[pd.Timestamp, LifetimeValueModel, pd.DataFrame]]:
    """Go through the cutoffs with their model and customers."""
    fits = dict(list(parameters.groupby("cutoff_date")))
    for cutoff, summary in summaries.groupby("cutoff_date"):
        yield cutoff, LifetimeValueModel.from_parameters(fits[cutoff]), summary


def _stacked(parts: dict[pd.Timestamp, pd.DataFrame], types: dict[str, str]) -> pd.DataFrame:
    """Put the frames of the cutoffs below each other, typed also where there is none."""
    types = {"cutoff_date": "datetime64[us]", **types}
    frames = [part.assign(cutoff_date=cutoff) for cutoff, part in parts.items()]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(types))
    return table[list(types)].astype(types)
