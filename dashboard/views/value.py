"""Value: past spend, predicted spend, and the accuracy of the predictions."""

from __future__ import annotations

import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import value as charts
from queries import value as queries


def draw_cards(currency: str) -> None:
    """Draw the totals of the selected customers, observed apart from predicted."""
    left = marts_reader.selection()
    groups = {
        "Observed": [
            (
                "Net revenue so far",
                left["net_revenue"],
                "Net revenue of the selected customers over the whole history.",
            ),
            (
                "For each customer",
                left["net_revenue"] / left["customers"],
                "Net revenue so far divided by the number of customers.",
            ),
        ],
        "Predicted": [
            (
                f"Next {days} days",
                left[f"predicted_value_{days}d"],
                f"Predicted net revenue of the selected customers in the {days} days after the "
                "as-of date, summed. These days are still in the future.",
            )
            for days in (90, 365)
        ],
    }
    for place, (group, figures) in zip(st.columns(2, gap="medium"), groups.items(), strict=True):
        with place:
            st.markdown(f"**{group}**")
            for card, (label, amount, definition) in zip(st.columns(2), figures, strict=True):
                known = not pd.isna(amount)
                card.metric(
                    label,
                    wording.short_money(amount, currency) if known else None,
                    help=f"{wording.exactly(amount, currency)} {definition}"
                    if known
                    else definition,
                    border=True,
                )


def draw_segments(currency: str) -> None:
    """Draw past and predicted net revenue by segment."""
    amounts = queries.by_segment()
    predicted = amounts["predicted_value_365d"].notna().any()
    layout.show(
        "What has each segment brought, and what is it expected to bring?",
        charts.value_by_segment(amounts, marts_reader.segment_names(), currency),
        "Net revenue so far and predicted net revenue of the next 365 days by segment.",
        "Full: observed, over the whole history. Outlined: predicted for the 365 days after the "
        "as-of date. The two periods differ in length. " + layout.CLICK
        if predicted
        else "Observed only. " + layout.CLICK,
        picks="segment",
    )
    if not predicted:
        st.info(f"Lifetime value was not predicted. {marts_reader.why('lifetime_value')}")


def draw_concentration() -> None:
    """Draw the concentration of revenue on few customers."""
    points = queries.concentration()
    if points.empty:
        st.info("Concentration is not defined: customers brought no net revenue.")
        return
    gini = points["gini"].iloc[0]
    layout.show(
        "How concentrated is revenue?",
        charts.concentration(points),
        "Share of net revenue from the top customers, by their share of customers.",
        "Dashed: every customer brings the same."
        + ("" if pd.isna(gini) else f" Gini {gini:.2f}: 0 is equal, 1 is all from one customer."),
    )


def verdict(found: pd.DataFrame, currency: str) -> str:
    """Return in one line how right the forecast was, beside the best simple rule."""
    row = found.iloc[0]
    words = "**Can it be trusted?**"
    values = found[found["model"].isin(wording.FORECASTS)].pivot(
        index="model", columns="metric", values="value"
    )
    if "lifetime_value" not in values.index:
        return f"{words} The rules were tested on {marts_reader.day(row['cutoff_date'])}."
    own = values.loc["lifetime_value"]
    if not pd.isna(own.get("net_revenue_over_actual")):
        words += (
            f" For the {row['horizon_days']} days from {marts_reader.day(row['cutoff_date'])} it "
            f"expected {wording.percent(own['net_revenue_over_actual'], 0)} of the money that came."
        )
    rules = values.loc[[name for name in values.index if name in wording.SIMPLE_FORECASTS]]
    if len(rules) and not pd.isna(own.get("net_revenue_mae")):
        words += (
            f" It was wrong by {wording.whole(own['net_revenue_mae'])} {currency} a customer; the "
            f"best simple rule by {wording.whole(rules['net_revenue_mae'].min())}."
        )
    return words


def draw_evidence(currency: str) -> None:
    """Fold the accuracy of the forecasts on the holdout under one line that sums it up."""
    found = queries.validation()
    if found.empty:
        st.info(f"No forecast could be tested. {marts_reader.why('lifetime_value')}")
        return
    with layout.fold(verdict(found, wording.as_markdown(currency)), "evidence") as folded:
        if folded.open:
            draw_tests(found, currency)


def draw_tests(found: pd.DataFrame, currency: str) -> None:
    """Draw how the forecasts did on days that they had not seen."""
    st.caption(
        "Every forecast used only data from before "
        f"{marts_reader.day(found['cutoff_date'].iloc[0])} and was judged on the "
        f"{found['horizon_days'].iloc[0]} days from that date."
    )
    st.text(marts_reader.why("lifetime_value"))
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
                "Predicted net revenue of each forecast as a share of actual net revenue.",
                "Dashed: predicted equals actual. Line: 95 % bootstrap interval over customers. "
                "Season shifts all forecasts; only the first knows it, where the data hold a year "
                "before.",
            )
    weeks = queries.tracking()
    with right:
        if len(weeks):
            layout.show(
                "Did purchases follow the prediction?",
                charts.tracking(weeks),
                "Predicted and observed purchase days, summed week by week after the test date.",
                "Purchase days of all customers known at the test date.",
            )
    draw_forecasts(found, currency)
    draw_parameters()


def draw_forecasts(found: pd.DataFrame, currency: str) -> None:
    """Draw the metrics of each forecast beside those of simple rules."""
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
        "Metrics of each forecast of customers' value.",
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
            " The model's 90 % interval of net revenue covered "
            f"{wording.percent(coverage.iloc[0], 0)} of customers."
            if len(coverage)
            else ""
        )
    )


def draw_parameters() -> None:
    """Draw the parameters of the models in use."""
    parameters = queries.parameters()
    if parameters.empty:
        return
    st.subheader("What was fitted?", anchor=False)
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
    currency = marts_reader.currency()
    st.title("What are they worth?", anchor=False)
    if not layout.nothing_selected():
        draw_cards(currency)
        draw_segments(currency)
    with layout.whole_shop_band():
        draw_concentration()
        draw_evidence(currency)


main()
