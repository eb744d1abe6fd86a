"""Churn: who may leave, the money at risk, why, what to do, and whether to trust it."""

from __future__ import annotations

import evidence
import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import churn as charts
from charts.segments import spread
from queries import churn as queries
from queries import segments


def draw_prediction(names: list[str], currency: str, window: str) -> None:
    """Draw who of the selected customers may leave, and the money at risk."""
    at_risk = queries.value_at_risk()
    if at_risk.empty:
        st.info(f"No customer has a churn probability. {marts_reader.why('churn')}")
        return
    draw_figures(currency, window)
    left, right = st.columns(2, gap="medium")
    with left:
        # Few customers of a large shop may all be missing in its sample.
        probabilities = segments.spread("probability")
        if not probabilities.empty:
            layout.show(
                "Who may leave?",
                spread(probabilities, names, "Probability of churn", share=True),
                "Churn probability of each segment: range, middle half and median.",
                "Bar: the middle half of a segment. Line: 5th to 95th percentile. Dot: median.",
            )
    with right:
        layout.show(
            "How much money is at risk?",
            charts.value_at_risk(at_risk, names, currency),
            "Value at risk of each segment, stacked by predicted risk.",
            f"Spend in {window} of customers who stay × churn probability, summed over them.",
        )


def draw_figures(currency: str, window: str) -> None:
    """Draw how many may leave, beside how many left before, and the money at risk."""
    found = queries.forecast()
    scored, leaving = found["scored_customers"], found["expected_leavers"]
    figures = [
        (
            "May leave",
            wording.whole(leaving),
            f"Customers expected to buy nothing in the {window} after "
            f"{marts_reader.day(marts_reader.build_info()['as_of_date'])}: the sum of their "
            "probabilities. These days are still in the future.",
        ),
        (
            "Of customers",
            wording.percent(leaving / scored, 0),
            f"Customers with a probability: {wording.whole(scored)}.",
        ),
        (
            "Money at risk",
            wording.short_money(found["value_at_risk"], currency),
            f"{wording.exactly(found['value_at_risk'], currency)} What customers who stay spend in "
            f"{window}, times the probability of churn.",
        ),
    ]
    for place, (label, value, definition) in zip(st.columns(3), figures, strict=True):
        place.metric(label, value, help=definition, border=True)
    past = queries.churn_history().dropna(subset="observed_churn_rate")
    before = (
        f" Of all customers {wording.percent(past['observed_churn_rate'].iloc[-1], 0)} bought "
        f"nothing in the {window} from {marts_reader.day(past['cutoff_date'].iloc[-1])}, the last "
        "that are over."
        if len(past)
        else ""
    )
    st.caption(f"Predicted for the next {window}.{before}")


def draw_why() -> None:
    """Draw which customers churn more."""
    drivers = queries.churn_drivers()
    if marts_reader.is_ok("churn") and not drivers.empty:
        layout.show(
            "Why? Which customers churn more?",
            charts.drivers(drivers),
            "Observed churn rate by quartile of each feature.",
            "Measured: the share of customers who left, by quarters of one trait at a time. Equal "
            "values share a quarter, so some traits have fewer than four. What goes with churn "
            "need not cause it.",
        )


def draw_actions(currency: str) -> None:
    """Draw what to do, and lead to the customers."""
    st.subheader("What should we do?", anchor=False)
    actions = queries.actions()
    if actions.empty:
        st.text("Nobody is to be contacted.")
    else:
        layout.table(
            actions,
            "Actions with the customers to contact, the money at risk and the expected gain.",
            {
                "action_label": st.column_config.TextColumn("Action", width=150),
                "instruction": st.column_config.TextColumn("What to do", width=330),
                "to_contact": layout.number_column(
                    "To contact", "Without those held out at random, who show the effect."
                ),
                "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted."),
                "expected_gain": layout.number_column(
                    f"Gain, {currency}", "Predicted, at the assumed response rates."
                ),
            },
            height="content",
            row_height=72,
        )
    st.page_link("views/customers.py", label="See the customers, in order, and their reasons")


def draw_watch() -> None:
    """Fold earlier predictions beside outcomes, and drift, under one line that sums them up."""
    past = queries.churn_history()
    judged = past.dropna(subset=["mean_churn_probability", "observed_churn_rate"])
    drift = queries.drift()
    words = "**Does it still hold?**"
    if len(drift):
        drifted = int((drift["status"] == "drifted").sum())
        words += f" {drifted} of {len(drift)} measures drifted since training."
    for row in judged.tail(1).itertuples():
        words += (
            f" From {marts_reader.day(row.cutoff_date)} on it expected "
            f"{wording.percent(row.mean_churn_probability, 0)} to leave, and "
            f"{wording.percent(row.observed_churn_rate, 0)} did."
        )
    with layout.fold(words, "watch") as folded:
        if not folded.open:
            return
        if judged.empty:
            st.info("No earlier prediction has an outcome yet.")
        else:
            layout.show(
                "Did as many churn as predicted?",
                charts.history(judged),
                "Predicted and observed churn rate at each cutoff with a known outcome.",
                "Each point is a cutoff whose churn window is over.",
            )
        draw_drift(drift)


def draw_drift(drift: pd.DataFrame) -> None:
    """Draw the drift of features, probabilities and outcomes since training."""
    st.subheader("Has anything drifted since training?", anchor=False)
    if drift.empty:
        st.info("There is nothing to compare with yet.")
        return
    layout.table(
        pd.DataFrame(
            {
                "Status": drift["status"].map(wording.DRIFT),
                "psi": drift["psi"],
                "critical": drift["critical_psi"],
                "In words": drift["sentence"],
            }
        ),
        "Drift of each feature and of the probabilities.",
        {
            "Status": st.column_config.TextColumn("Status", width=90),
            "psi": layout.number_column(
                "PSI", "Population stability index: 0 means no change.", digits=3
            ),
            "critical": layout.number_column(
                "Critical PSI",
                "Chance alone exceeds one of these bounds in at most 5 % of builds.",
                digits=3,
            ),
            "In words": st.column_config.TextColumn("In words", width=540),
        },
        row_height=96,
        height=540,
    )
    st.caption(
        "Drifted: a change beyond chance and large enough to matter, which is a PSI above 0.10 or "
        "five percentage points of a rate. May be season: so too, but the same season a year "
        "before is not there to compare. Structural: the value grows with the length of the "
        "history in every shop."
    )


def main() -> None:
    """Draw the page."""
    horizon = queries.churn_horizon()
    window = f"{horizon['horizon_days']} days" if horizon else "churn window"
    currency = marts_reader.currency()
    st.title("Who may churn, and can we trust it?", anchor=False)
    if not layout.nothing_selected():
        draw_prediction(marts_reader.segment_names(), currency, window)
    with layout.whole_shop_band():
        draw_why()
        draw_actions(currency)
        evidence.draw(window)
        draw_watch()


main()
