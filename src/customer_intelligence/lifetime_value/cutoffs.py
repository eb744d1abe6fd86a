"""Lifetime value as of several days: the present, and days of the past to judge it by.

The frames are those of ``pipeline`` with a cutoff_date in front. Every cutoff has a fit of its own,
which knows only what was summarised before it. What chooses, scales and calibrates the forecast of
a cutoff comes from earlier cutoffs, whose windows are over before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from customer_intelligence.frames import numeric
from customer_intelligence.lifetime_value import next_order, selection
from customer_intelligence.lifetime_value.forecasts import (
    FITTED_MODEL,
    FORECASTS,
    TWO_PART,
    YEAR_DAYS,
    score_forecasts,
)
from customer_intelligence.lifetime_value.history import Calendar, History
from customer_intelligence.lifetime_value.pipeline import (
    _PARAMETERS,
    _PREDICTIONS,
    HORIZON_DAYS,
    LifetimeValueModel,
    expected_purchases,
    expected_purchases_by_week,
    fit_lifetime_value,
    predict_interval,
    predict_lifetime_value,
)

NEXT_ORDER_WINDOW_DAYS = 90
# A likelihood of an earlier cutoff is searched from one start, that of a published one from all.
EARLIER_STARTS = 1

_TRACKING = {"week": "int32", "predicted_purchase_days": "float64"}
_SELECTION = {
    "target": "string",
    "horizon_days": "int32",
    "forecast": "string",
    "earlier_cutoffs": "int32",
    "earlier_customers": "int64",
    "mae": "float64",
    "rmse": "float64",
    "rank_correlation": "float64",
    "pinball_loss": "float64",
    "share_by_p10": "float64",
    "share_by_p50": "float64",
    "share_by_p90": "float64",
    "is_chosen": "bool",
    "season_factor": "float64",
    "season_spread": "float64",
    "interval_method": "string",
    "parameters": "string",
}
_FORECASTS = {
    "customer_id": "string",
    "horizon_days": "int32",
    "predicted_purchase_days": "float64",
    **dict.fromkeys(FORECASTS, "float64"),
    "champion": "float64",
    "champion_low": "float64",
    "champion_high": "float64",
}
_BOUNDS = ("", "_low", "_high")
_PUBLISHED = {
    **_PREDICTIONS,
    "value_forecast_90d": "string",
    "value_forecast_365d": "string",
    **{f"next_order_days_p{round(100 * level)}": "float64" for level in next_order.LEVELS},
}


def fit_cutoffs(
    summaries: pd.DataFrame, *, dropout_model: str, min_customers: int, min_repeat_customers: int
) -> pd.DataFrame:
    """Fit every cutoff that is published, tested, or needed to judge one of these.

    Parameters
    ----------
    summaries : DataFrame
        One row a customer and cutoff: cutoff_date, example_set, holdout_days and the columns of
        ``fit_lifetime_value``.
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
    frames = dict(list(summaries.groupby("cutoff_date")))
    parts = {
        cutoff: fit_lifetime_value(
            frames[cutoff],
            dropout_model=dropout_model,
            min_customers=min_customers,
            min_repeat_customers=min_repeat_customers,
            most_starts=None if is_published else EARLIER_STARTS,
        )[0]
        for cutoff, is_published in sorted(Calendar.of(summaries).fitted().items())
    }
    return _stacked(parts, _PARAMETERS)


def select_cutoffs(parameters: pd.DataFrame, summaries: pd.DataFrame) -> pd.DataFrame:
    """Choose, scale and calibrate the forecast of each published or tested cutoff and horizon.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    summaries : DataFrame
        As for ``fit_cutoffs``, with all columns of `int_btyd_summary`.

    Returns
    -------
    DataFrame
        One row per cutoff_date, target ('net_revenue' or 'next_order'), horizon_days and forecast:
        the judgement at earlier cutoffs (null without), is_chosen, and for the chosen forecast of
        net revenue the season, the method of the interval and the plain parameters.
    """
    history = History(parameters, summaries)
    parts = {}
    for cutoff in history.calendar.holdouts:
        if cutoff not in history.models or history.models[cutoff].purchases is None:
            continue
        rows = [
            row
            for horizon_days in history.calendar.horizons(cutoff)
            for row in _select_value(history, cutoff, horizon_days)
        ]
        if history.calendar.holdouts[cutoff] is None:
            rows += _select_next_order(history, cutoff)
        parts[cutoff] = pd.DataFrame(rows).reindex(columns=list(_SELECTION))
    return _stacked(parts, _SELECTION)


def predict_cutoffs(
    parameters: pd.DataFrame,
    selected: pd.DataFrame,
    summaries: pd.DataFrame,
    *,
    margin: float,
    annual_discount_rate: float,
) -> pd.DataFrame:
    """Predict the customers of each cutoff with the forecast that was selected for it.

    The value of the champion is that of the fitted model times champion ÷ fitted model, in season:
    the model says when within the horizon the revenue comes. The value of 365 days is at least that
    of the first 90 of them.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    selected : DataFrame
        Of ``select_cutoffs``, in any order.
    summaries : DataFrame
        As for ``select_cutoffs``, of the cutoffs to predict.
    margin, annual_discount_rate
        As for ``predict_lifetime_value``.

    Returns
    -------
    DataFrame
        cutoff_date, the predictions of ``predict_lifetime_value``, the names of the champions and
        the quantiles of the days until the next order, which are null where the model does not beat
        simple rules, and beyond a year.

    Raises
    ------
    ValueError
        As ``predict_lifetime_value``.
    """
    parts = {}
    for cutoff, model, summary in _models(parameters, summaries):
        ordered = summary.sort_values("customer_id", ignore_index=True)
        chosen = selected[(selected["cutoff_date"] == cutoff) & selected["is_chosen"]]
        forecasts = _value_forecasts(chosen)
        table = predict_lifetime_value(
            model,
            ordered,
            margin=margin,
            annual_discount_rate=annual_discount_rate,
            interval_horizons=(),
        ).reindex(columns=list(_PUBLISHED))
        for forecast in forecasts:
            days = forecast.horizon_days
            revenue = (
                table[f"predicted_purchase_days_{days}d"] * table["expected_purchase_day_value"]
            ).to_numpy()
            worth = table[f"predicted_value_{days}d"].to_numpy()
            share = np.divide(
                worth, revenue, out=np.full(len(revenue), float(margin)), where=revenue > 0
            )
            found = _score(model, forecast, ordered)
            for name, amounts in zip(_BOUNDS, found, strict=True):
                table[f"predicted_value_{days}d{name}"] = amounts * share
            table[f"value_forecast_{days}d"] = forecast.name
        first, last = HORIZON_DAYS
        for name in _BOUNDS:
            table[f"predicted_value_{last}d{name}"] = table[
                [f"predicted_value_{days}d{name}" for days in (first, last)]
            ].max(axis=1)
        if (chosen["target"] == "next_order").any() and model.purchases is not None:
            for level, until in next_order.order_quantiles(model.purchases, ordered).items():
                table[f"next_order_days_p{round(100 * level)}"] = np.where(
                    until <= next_order.MOST_DAYS, until, np.nan
                )
        parts[cutoff] = table
    return _stacked(parts, _PUBLISHED)


def forecast_cutoffs(
    parameters: pd.DataFrame, selected: pd.DataFrame, summaries: pd.DataFrame
) -> pd.DataFrame:
    """Return all forecasts of net revenue at the tested cutoffs, to be judged.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    selected : DataFrame
        Of ``select_cutoffs``, in any order.
    summaries : DataFrame
        As for ``select_cutoffs``, of the cutoffs to judge.

    Returns
    -------
    DataFrame
        One row per customer, cutoff_date and horizon_days: purchase days of the fitted model, each
        forecast, the champion in season and its interval, as undiscounted net revenue.
    """
    parts = {}
    for cutoff, model, summary in _models(parameters, summaries):
        ordered = summary.sort_values("customer_id", ignore_index=True)
        frames = []
        for forecast in _value_forecasts(selected[selected["cutoff_date"] == cutoff]):
            days = forecast.horizon_days
            champion, low, high = _score(model, forecast, ordered)
            frames.append(
                pd.DataFrame(
                    {
                        "customer_id": ordered["customer_id"],
                        "horizon_days": days,
                        "predicted_purchase_days": expected_purchases(model, ordered, days),
                        **score_forecasts(model, forecast.two_part, ordered, days),
                        "champion": champion,
                        "champion_low": low,
                        "champion_high": high,
                    }
                ).reindex(columns=list(_FORECASTS))
            )
        if frames:
            parts[cutoff] = pd.concat(frames, ignore_index=True)
    return _stacked(parts, _FORECASTS)


def track_cutoffs(parameters: pd.DataFrame, summaries: pd.DataFrame) -> pd.DataFrame:
    """Predict the purchase days by the end of each whole week of every tested cutoff's holdout.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_cutoffs``, in any order.
    summaries : DataFrame
        As for ``fit_cutoffs``; holdout_days are the days from the cutoff on that are known by now.

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
    known = summaries[summaries["example_set"] == "test"]
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
    cutoff, rows = list(parameters.groupby("cutoff_date"))[-1]
    model = LifetimeValueModel.from_parameters(rows)
    customers = rows["fitted_customers"].max()
    earlier = parameters["cutoff_date"].nunique() - 1
    return (
        f"lifetime value: before {cutoff:%Y-%m-%d} {model.name or 'skipped'} "
        f"({model.status}; {customers:,} customers fitted); {earlier} earlier cutoffs fitted"
    )


def describe_selection(selected: pd.DataFrame) -> str:
    """Say what was chosen in one progress line, given the result of ``select_cutoffs``."""
    chosen = selected[selected["is_chosen"] & (selected["target"] == "net_revenue")]
    if chosen.empty:
        return "lifetime value: no forecast"
    return "lifetime value: " + "; ".join(
        f"{row.horizon_days} days from {row.cutoff_date:%Y-%m-%d} {row.forecast} "
        f"(season {row.season_factor:.2f}, {row.interval_method} interval)"
        for row in chosen.itertuples()
    )


def _select_value(
    history: History, cutoff: pd.Timestamp, horizon_days: int
) -> Iterator[dict[str, object]]:
    """Go through the forecasts of net revenue with their judgement, and choose."""
    days = history.judged_days(cutoff, horizon_days)
    outcomes = [history.actual(day, horizon_days) for day in days]
    of_days = [history.forecasts(day, horizon_days) for day in days]
    two_part = history.two_part(cutoff, horizon_days)
    judged = {
        name: judgement
        for name, judgement in selection.judge(of_days, outcomes).items()
        if name != TWO_PART or two_part is not None
    }
    champion = selection.choose(judged)
    season = history.season(cutoff, horizon_days, champion)
    interval = selection.calibrate(
        [found[champion] for found in of_days], outcomes, season, horizon_days=horizon_days
    )
    parameters = selection.ValueForecast(horizon_days, champion, two_part, season, interval)
    for name in judged or (champion,):
        judgement = judged.get(name)
        row: dict[str, object] = {
            "target": "net_revenue",
            "horizon_days": horizon_days,
            "forecast": name,
            "earlier_cutoffs": 0,
            "earlier_customers": 0,
            "is_chosen": name == champion,
        }
        if judgement is not None:
            row |= {
                "earlier_cutoffs": judgement.cutoffs,
                "earlier_customers": judgement.customers,
                "mae": judgement.mae,
                "rmse": judgement.rmse,
                "rank_correlation": judgement.rank_correlation,
            }
        if name == champion:
            row |= {
                "season_factor": season.factor,
                "season_spread": season.spread if season.is_known else np.nan,
                "interval_method": selection.PREDICTIVE
                if interval is None
                else selection.CONFORMAL
                if season.is_known or horizon_days >= YEAR_DAYS
                else selection.CONFORMAL_ANY_SEASON,
                "parameters": parameters.to_json(),
            }
        yield row


def _select_next_order(history: History, cutoff: pd.Timestamp) -> Iterator[dict[str, object]]:
    """Go through the rules for the next order with their judgement."""
    days = history.judged_days(cutoff, NEXT_ORDER_WINDOW_DAYS)
    if not days:
        return
    came = [numeric(history.summaries[day], "days_until_next_order") for day in days]
    quantiles = [
        {
            FITTED_MODEL: next_order.order_quantiles(model.purchases, history.summaries[day]),
            **next_order.rule_quantiles(history.summaries[day]),
        }
        for day in days
        if (model := history.models[day]).purchases is not None
    ]
    judged = {
        name: next_order.judge_quantiles(
            [found[name] for found in quantiles], came, NEXT_ORDER_WINDOW_DAYS
        )
        for name in quantiles[0]
    }
    is_better = next_order.beats_rules(judged)
    for name, judgement in judged.items():
        shares = dict(zip(("p10", "p50", "p90"), judgement.shares, strict=True))
        yield {
            "target": "next_order",
            "horizon_days": NEXT_ORDER_WINDOW_DAYS,
            "forecast": name,
            "earlier_cutoffs": judgement.cutoffs,
            "earlier_customers": judgement.customers,
            "pinball_loss": judgement.pinball_loss,
            **{f"share_by_{quantile}": share for quantile, share in shares.items()},
            "is_chosen": name == FITTED_MODEL and is_better,
        }


def _value_forecasts(selected: pd.DataFrame) -> list[selection.ValueForecast]:
    """Read the chosen forecasts of net revenue, from the shortest horizon on."""
    chosen = selected[selected["is_chosen"] & (selected["target"] == "net_revenue")]
    return [
        selection.ValueForecast.from_json(text)
        for text in chosen.sort_values("horizon_days")["parameters"]
    ]


def _score(
    model: LifetimeValueModel, forecast: selection.ValueForecast, summary: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the champion in season and its interval, undiscounted, shape (n,) each."""
    found = score_forecasts(model, forecast.two_part, summary, forecast.horizon_days)
    champion, factor = found[forecast.name], forecast.season.factor
    if forecast.interval is not None:
        low, high = selection.score_interval(forecast.interval, champion, factor)
    else:
        fitted = found[FITTED_MODEL]
        scale = factor * np.divide(champion, fitted, out=np.zeros(len(fitted)), where=fitted > 0)
        low, high = (
            bound * scale for bound in predict_interval(model, summary, forecast.horizon_days)
        )
    return factor * champion, low, high


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
