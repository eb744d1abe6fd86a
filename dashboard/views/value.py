"""Value: what customers have spent, what they are predicted to spend, and how far to trust it."""

from __future__ import annotations

import layout
import pandas as pd
import store
import streamlit as st
import wording
from charts import value as charts
from questions import value as questions


def draw_cards(currency: str) -> None:
    """Draw the totals of the selected customers, observed apart from predicted."""
    left = store.selection()
    day = store.day(store.build_info()["as_of_date"])
    as_of = f"{wording.as_markdown(currency)}  \nas of {day}"

    def money(amount: float) -> str | None:
        return None if pd.isna(amount) else wording.money(amount, currency)

    with st.container(horizontal=True):
        with st.container(width="content", gap="xsmall"):
            st.markdown("**Observed**")
            with st.container(horizontal=True, width="content"):
                layout.card(
                    "Net revenue so far",
                    money(left["net_revenue"]),
                    "Net revenue of the selected customers over the whole history.",
                    as_of,
                )
                layout.card(
                    "For each customer",
                    money(left["net_revenue"] / left["customers"]),
                    "Net revenue so far divided by the number of customers.",
                    as_of,
                )
        with st.container(width="content", gap="xsmall"):
            st.markdown("**Predicted**")
            with st.container(horizontal=True, width="content"):
                for days in (90, 365):
                    layout.card(
                        f"Next {days} days",
                        money(left[f"predicted_value_{days}d"]),
                        f"Net revenue that the selected customers are predicted to bring in the "
                        f"{days} days after the as-of date, summed. Nobody has seen them yet.",
                        as_of,
                    )


def draw_segments(currency: str) -> None:
    """Draw what was spent and what is predicted by segment."""
    amounts = questions.by_segment()
    predicted = amounts["predicted_value_365d"].notna().any()
    layout.show(
        "What has each segment brought, and what may it bring?",
        charts.value_by_segment(amounts, store.segment_names(), currency),
        "Net revenue so far and predicted net revenue of the next 365 days by segment.",
        "Full: observed, over the whole history. Outlined: predicted for the 365 days after the "
        "as-of date. The two cover spans of different length. " + layout.CLICK
        if predicted
        else "Observed only. " + layout.CLICK,
        picks="segment",
    )
    if not predicted:
        st.info(f"Lifetime value was not predicted. {store.why('lifetime_value')}")


def draw_concentration() -> None:
    """Draw how much hangs on a few customers."""
    points = questions.concentration()
    if points.empty:
        st.info("Concentration cannot be told: customers brought no net revenue.")
        return
    gini = points["gini"].iloc[0]
    layout.show(
        "How much hangs on a few?",
        charts.concentration(points),
        "Share of net revenue that the top customers bring, over their share of customers.",
        "Dashed: if everyone brought the same."
        + ("" if pd.isna(gini) else f" Gini {gini:.2f}: 0 is even, 1 is one customer for all.")
        + " The whole shop, whatever is filtered.",
    )


def draw_evidence(currency: str) -> None:
    """Draw how the forecasts did on days that they had not seen."""
    st.header("Measured: can it be trusted?", anchor=False)
    found = questions.validation()
    if found.empty:
        st.info(f"No forecast could be tested. {store.why('lifetime_value')}")
        return
    st.caption(
        f"Every forecast knew what was known before {store.day(found['cutoff_date'].iloc[0])} and "
        f"was judged by the {found['horizon_days'].iloc[0]} days from then on. The whole shop, "
        "whatever is filtered."
    )
    st.text(store.why("lifetime_value"))
    left, right = st.columns(2, gap="medium")
    totals = found[found["metric"] == "net_revenue_over_actual"].set_index("model")
    totals = totals.reindex([name for name in wording.FORECASTS if name in totals.index])
    with left:
        if len(totals):
            layout.show(
                "Was the total right?",
                charts.forecast_totals(
                    totals.assign(
                        forecast=[wording.FORECASTS[name] for name in totals.index]
                    ).reset_index(drop=True)
                ),
                "Predicted net revenue of each forecast as a share of what really came.",
                "Dashed: just right. Line: the 95 % interval over resampled customers. Season "
                "may move all forecasts alike: no forecast knows that a season is busy or quiet.",
            )
    weeks = questions.tracking()
    with right:
        if len(weeks):
            layout.show(
                "Did the purchases come as predicted?",
                charts.tracking(weeks),
                "Predicted and observed purchase days, summed week by week after the test date.",
                "Orders of all customers known at the test date.",
            )
    draw_forecasts(found, currency)
    draw_parameters()


def draw_forecasts(found: pd.DataFrame, currency: str) -> None:
    """Draw the measures of each forecast beside simple rules."""
    st.subheader("Is it better than a simple rule?", anchor=False)
    cells = found[
        found["metric"].isin(list(wording.VALUE_METRICS)) & found["model"].isin(wording.FORECASTS)
    ]
    table = cells.pivot(index="model", columns="metric", values="value")
    table = table.reindex(
        index=[name for name in wording.FORECASTS if name in table.index],
        columns=[name for name in wording.VALUE_METRICS if name in table.columns],
    )
    table.insert(0, "forecast", [wording.FORECASTS[name] for name in table.index])
    layout.table(
        table.reset_index(drop=True),
        "Measures of each forecast of customers' value.",
        {
            "forecast": st.column_config.TextColumn("Forecast", width=190),
            **{
                name: layout.number_column(
                    f"{metric.label}, {currency}" if name == "net_revenue_mae" else metric.label,
                    metric.definition,
                    digits=metric.digits,
                )
                for name, metric in wording.VALUE_METRICS.items()
            },
        },
    )
    coverage = found.loc[
        (found["metric"] == "interval_coverage") & (found["model"] == "lifetime_value"), "value"
    ].dropna()
    st.caption(
        "Errors are means over customers."
        + (
            f" The model's 90 % interval of net revenue held {wording.percent(coverage.iloc[0], 0)}"
            " of customers."
            if len(coverage)
            else ""
        )
    )


def draw_parameters() -> None:
    """Draw the parameters of the models in use."""
    parameters = questions.parameters()
    if parameters.empty:
        return
    with st.expander("Parameters of the model"):
        layout.table(
            pd.DataFrame(
                {
                    "Model": parameters["model"].map(lambda m: wording.PARAMETERS_OF.get(m, m)),
                    "Parameter": parameters["parameter"],
                    "estimate": parameters["estimate"],
                    "error": parameters["standard_error"],
                    "customers": parameters["fitted_customers"],
                }
            ),
            "Parameters of the lifetime value model.",
            {
                "estimate": layout.number_column("Estimate", digits=3),
                "error": layout.number_column("Standard error", digits=3),
                "customers": layout.number_column("Fitted on customers"),
            },
        )


def main() -> None:
    """Draw the page."""
    currency = store.currency()
    st.title("What are they worth?", anchor=False)
    if not layout.nothing_selected():
        draw_cards(currency)
        draw_segments(currency)
    draw_concentration()
    draw_evidence(currency)


main()
