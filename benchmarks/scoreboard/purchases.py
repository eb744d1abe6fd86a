"""Forecasts of purchases and revenue: naive ones, those of the literature, and the project's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.scoreboard.protocol import before, outcomes, summarise
from customer_intelligence import lifetime_value as clv
from tests.python.pareto_nbd import ParetoNBD

ZERO = "nobody buys again"
OWN_RATE = "own mean rate"
LAST_WINDOW = "last window carried forward"
LAST_YEAR = "last 365 days carried forward"
NBD, PARETO, MBG = "NBD", "Pareto/NBD", "MBG/NBD"
GATE = "BG/NBD, or NBD where the gate refuses it (ours)"
GEOMETRIC = "geometric mean of ours and the last 365 days"
CHAMPION = "champion in season (ours)"
TWO_PART = "two-part regression"
NAIVE = (OWN_RATE, LAST_WINDOW, LAST_YEAR)

# The project's defaults.
LIMITS = {"dropout_model": "bg_nbd", "min_customers": 100, "min_repeat_customers": 50}
CUTOFF_STEP_DAYS, CUTOFFS = 28, 30


def forecasts(known: pd.DataFrame, cutoff: pd.Timestamp, days: int) -> dict[str, pd.DataFrame]:
    """Return purchases and, where there is money, revenue by customer and method."""
    table = summarise(known, cutoff)
    ago = (cutoff - known["day"]).dt.days
    lately = known[ago <= days].groupby("customer_id")[["is_purchase", "amount"]].sum()
    lately = (
        lately.reindex(table.index, fill_value=0) * days / min(days, table["history_days"].iloc[0])
    )
    of_year = days / np.clip(table["history_days"], 1, 365)
    rate = table["repeat_purchase_days"] / table["tenure_days"] * days
    history = tuple(
        table[name].to_numpy()
        for name in ("repeat_purchase_days", "btyd_recency_weeks", "btyd_age_weeks")
    )
    choice = clv.choose_purchase_model(*history)
    if choice.model is None:
        raise ValueError("too few customers for a purchase model")
    models = {
        NBD: choice.fitted["nbd"],
        MBG: clv.MBGNBD().fit(*history),
        PARETO: ParetoNBD().fit(*history),
        GATE: choice.model,
    }
    purchases = pd.DataFrame(
        {
            ZERO: 0.0,
            OWN_RATE: rate,
            LAST_WINDOW: lately["is_purchase"],
            LAST_YEAR: table["purchase_days_365d"] * of_year,
            **{name: fit.expected_purchases(days / 7, *history) for name, fit in models.items()},
        },
        index=table.index,
    )
    purchases[GEOMETRIC] = np.sqrt(purchases[GATE] * purchases[LAST_YEAR])
    purchases.attrs["gate"] = choice.name
    found = {"purchases": purchases}
    if known["amount"].notna().all():
        naive = pd.DataFrame(
            {
                ZERO: 0.0,
                OWN_RATE: rate * table["mean_purchase_day_value"].clip(lower=0),
                LAST_WINDOW: lately["amount"].clip(lower=0),
            }
        )
        of_project, bounds = _of_project(known, cutoff, days)
        found |= {"revenue": naive.join(of_project), "revenue_interval": bounds}
    return found


def _of_project(
    known: pd.DataFrame, cutoff: pd.Timestamp, days: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the project's forecasts of revenue, by its own functions on summaries of the log."""
    parts = [_summary(known, cutoff, days).assign(example_set="test", holdout_days=days)]
    for step in range(1, CUTOFFS + 1):
        day = cutoff - pd.Timedelta(days=CUTOFF_STEP_DAYS * step)
        is_over = day + pd.Timedelta(days=days) <= cutoff
        if is_over and (day - known["day"].min()).days >= 90:
            earlier = _summary(known, day, days)
            came = outcomes(known, day, days, pd.Index(earlier["customer_id"]))
            earlier[f"actual_net_revenue_{days}d"] = came["revenue"].to_numpy()
            parts.append(earlier.assign(example_set="earlier", holdout_days=days))
    summaries = pd.concat(parts, ignore_index=True)
    parameters = clv.fit_cutoffs(summaries, **LIMITS)
    selected = clv.select_cutoffs(parameters, summaries)
    found = clv.forecast_cutoffs(
        parameters, selected, summaries[summaries["cutoff_date"] == cutoff]
    )
    found = found.set_index("customer_id")
    names = {
        "last_365_days": LAST_YEAR,
        "fitted_model": GATE,
        "geometric_mean": GEOMETRIC,
        "two_part": TWO_PART,
        "champion": CHAMPION,
    }
    table = found[list(names)].rename(columns=names).dropna(axis=1, how="all")
    bounds = found[["champion_low", "champion_high"]]
    chosen = selected.loc[selected["is_chosen"], "forecast"].iloc[0]
    bounds.attrs["champion"] = names[chosen]
    return table, bounds


def _summary(known: pd.DataFrame, cutoff: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return the columns of `int_btyd_summary` that forecasts of one horizon read."""
    table = summarise(before(known, cutoff), cutoff).rename_axis("customer_id").reset_index()
    table[f"actual_net_revenue_{days}d"] = np.nan
    return table.assign(cutoff_date=cutoff)
