"""Cohorts: whether newer customers are better than earlier ones."""

from __future__ import annotations

import comparisons
import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import cohorts as charts
from queries import cohorts as queries

MEASURES = {
    "retention_rate": ("Retention", "Share of the cohort that bought in the month", ".1%"),
    "revenue_per_customer": (
        "Cumulative revenue",
        "Net revenue per customer of the cohort to the end of the month",
        ",.0f",
    ),
    "orders_per_customer": ("Orders", "Orders per customer of the cohort", ".2f"),
}
AGES = (0, 1, 3, 6)
# Traits of the first order, and what groups of it are called.
TRAITS = {"size": "Size", "country": "Country", "discount": "Discount"}


def cell(value: float, measure: str) -> str:
    """Return the text of a cell."""
    if pd.isna(value):
        return ""
    if measure == "retention_rate":
        return f"{100 * value:.0f}"
    return wording.short_amount(value) if measure == "revenue_per_customer" else f"{value:.2f}"


def named(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Return the cohorts with their names; a star marks censored ones."""
    star = cohorts["is_history_censored"].map({True: " *", False: ""})
    return cohorts.assign(cohort=cohorts["cohort_month"].dt.strftime("%b %Y") + star)


def draw_grid(cohorts: pd.DataFrame, currency: str) -> None:
    """Draw a measure by cohort and age."""
    st.subheader("Do they come back, and what do they bring?", anchor=False)
    measure = links.choose(
        st.segmented_control,
        "Show",
        list(MEASURES),
        "cohort_measure",
        noun="measure",
        format_func=lambda name: MEASURES[name][0],
        default="retention_rate",
        required=True,
    )
    links.tell("cohort_measure")
    _, title, value_format = MEASURES[measure]
    # A month that is not over would look like a loss.
    shown = cohorts.assign(**{measure: cohorts[measure].mask(cohorts["is_partial_month"] == True)})  # noqa: E712
    shown["label"] = [cell(value, measure) for value in shown[measure]]
    unit = {"retention_rate": " (%)", "revenue_per_customer": f" ({currency})"}.get(measure, "")
    layout.draw(
        charts.cohort_grid(shown, measure, title, value_format),
        f"{title} for each month of first orders, over the months since then.",
    )
    words = [
        f"{title}{unit}. Blank: the month is incomplete or after the end of the data. The colour "
        "scale leaves out the first month."
    ]
    if cohorts["is_history_censored"].any():
        words.append(
            "* Left-censored: some of these customers may have bought before the data start. "
            "Compare the other cohorts."
        )
    st.caption(" ".join(words))


def draw_same_age(cohorts: pd.DataFrame, currency: str) -> None:
    """Draw the cohorts at the same age."""
    whole = cohorts[~cohorts["is_partial_month"].fillna(True).astype(bool)]
    points = whole[whole["months"].isin(AGES)].dropna(subset="revenue_per_customer")
    if points["cohort"].nunique() < 2:
        st.info("Fewer than two cohorts are old enough to be compared.")
        return
    in_words = {
        0: "in the first month",
        **{age: f"{age} month{'s' if age > 1 else ''} later" for age in AGES[1:]},
    }
    points = points.assign(age=points["months"].map(in_words)).sort_values(
        ["months", "cohort_month"]
    )
    layout.show(
        "Are newer customers better at the same age?",
        charts.same_age(points, currency),
        "Net revenue per customer at the same age, by cohort.",
        "Net revenue per customer to the end of the month named. A rising line: newer customers "
        "are worth more at the same age. Hollow: cohorts marked with a star above. Season matters "
        "too: cohorts that start in a busy season may start high.",
    )


def draw_first_orders(currency: str) -> None:
    """Draw who came back, by a trait of the first order, at the same age."""
    found = {
        trait: groups
        for trait, groups in ((trait, queries.by_first_order(trait)) for trait in TRAITS)
        # A trait that all share compares nothing.
        if groups["group_name"].nunique() > 1
    }
    if not found:
        return
    st.subheader("After which first orders do customers come back?", anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        trait = links.choose(
            st.segmented_control,
            "First order by",
            list(found),
            "first_order",
            noun="trait",
            format_func=TRAITS.__getitem__,
            default=next(iter(found)),
            required=True,
        )
    groups = found[trait]
    ages = sorted(groups["horizon_days"].unique().tolist())
    with right:
        days = links.choose(
            st.segmented_control,
            "Within days",
            ages,
            "age",
            noun="age",
            default=90 if 90 in ages else ages[-1],
            required=True,
        )
    links.tell("first_order", "age")
    drawn = comparisons.with_intervals(
        groups[groups["horizon_days"] == days], "returned_customers", "observed_customers"
    )
    layout.draw(
        charts.first_orders(drawn, currency),
        f"Share of customers who bought again within {days} days, by {TRAITS[trait].lower()} of "
        "the first order.",
    )
    st.caption(
        f"Customers whose first order is at least {days} days ago: the share who bought on a later "
        f"day within {days} days, with its 95 % interval, and net revenue by then for each. What "
        "goes with coming back need not cause it."
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Are newer customers better?", anchor=False)
    if not marts_reader.selection()["all_customers"]:
        layout.nothing_selected()
        return
    layout.whole_shop()
    cohorts = queries.cohorts()
    if cohorts.empty:
        st.info("There are no cohorts: nobody has bought yet.")
        return
    cohorts = named(cohorts)
    draw_grid(cohorts, currency)
    draw_same_age(cohorts, currency)
    draw_first_orders(currency)


main()
