"""Segments: what each means, what to do, and how days, purchase days and spend are spread."""

from __future__ import annotations

import layout
import links
import pandas as pd
import store
import streamlit as st
import wording
from charts import segments as charts
from questions import segments as questions

MEASURES = {
    "days": ("How long ago did they buy?", "Days since last order"),
    "purchase_days": ("How often do they buy?", "Purchase days"),
    "spend": ("How much do they spend?", "Net revenue"),
}


def draw_table(chosen: list[str]) -> None:
    """Draw what each segment means, holds and calls for."""
    segments = store.segments()
    if chosen:
        segments = segments[segments["segment"].isin(chosen)]
    table = pd.DataFrame(
        {
            "Segment": segments["segment"],
            "Meaning": segments["meaning"],
            "What to do": segments["recommended_action"],
            "Customers": segments["customers"],
            "customer_share": 100 * segments["customer_share"],
            "net_revenue_share": 100 * segments["net_revenue_share"],
            "repurchase": 100 * segments["repurchase_rate_90d"],
        }
    )
    layout.table(
        table,
        "Segments with their meaning, action and size.",
        {
            "Segment": st.column_config.TextColumn(width=95),
            "Meaning": st.column_config.TextColumn(width=125),
            "What to do": st.column_config.TextColumn(width=215),
            "Customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "repurchase": layout.percent_column(
                "Bought again",
                "Measured: of those who were in the segment at the date below, the share that "
                "bought within the next 90 days.",
            ),
        },
        row_height=88,
        height="content",
    )
    days = segments["validity_as_of_date"].dropna()
    measured = (
        f" Bought again: of those in the segment on {store.day(days.iloc[0])}." if len(days) else ""
    )
    st.caption(f"Of all customers; only the filter of segments narrows the table.{measured}")


def draw_grid(currency: str) -> None:
    """Draw the scores that the segments are made of."""
    cells = questions.rfm_grid()
    if cells.empty:
        return
    layout.show(
        "How are the scores spread?",
        charts.rfm_grid(cells, currency),
        "Customers by their score of days since the last order and their score of purchase days.",
        "Customers in each pair of scores; a score of 5 is the best fifth. Customers who are alike "
        "share a score, so fifths need not be even, and a pair that nobody has is blank.",
    )


def draw_distributions(currency: str) -> None:
    """Draw days, purchase days and spend of the selected customers by segment."""
    names = store.segment_names()
    for measure, (column, (question, title)) in zip(
        MEASURES, zip(st.columns(3, gap="medium"), MEASURES.values(), strict=True), strict=True
    ):
        is_spend = measure == "spend"
        unit = f"{title} ({currency})" if is_spend else title
        edges = questions.edges(measure)
        labels = wording.band_labels(edges, money=is_spend)
        with column:
            layout.show(
                question,
                charts.histogram(questions.bands(measure, edges), labels, names, unit),
                f"Customers by {title.lower()}, stacked by segment.",
            )
            quantiles = questions.spread(measure)
            if not quantiles.empty:
                layout.draw(
                    charts.spread(quantiles, names, unit, log=measure != "days"),
                    f"{title} of each segment: range, middle half and median.",
                )
    st.caption(
        "Above: customers in each band, stacked by segment; bands grow wider to the right. Below: "
        "the middle half of each segment (bar), all but the lowest and highest 5 % (line) and the "
        "median (dot); purchase days and spend on log axes."
        + (
            f" Below, of {wording.whole(quantiles['customers'].sum())} of them, a sample."
            if questions.is_sampled()
            else ""
        )
    )


def draw_migration(currency: str) -> None:
    """Draw where customers went since the date before."""
    st.subheader("Where do customers move?", anchor=False)
    pairs = questions.migration()
    if pairs.empty:
        st.info("Movement needs an earlier date to compare with; the data are too short for one.")
        return
    days = {
        to_date: store.day(to_date)
        for to_date in sorted(pairs["to_date"].drop_duplicates(), reverse=True)
    }
    chosen = next(iter(days))
    if len(days) > 1:
        chosen = links.choose(
            st.selectbox,
            "Until",
            list(days),
            "until",
            noun="day",
            format_func=days.__getitem__,
        )
        links.tell("until")
    pairs = pairs[pairs["to_date"] == chosen]
    layout.draw(
        charts.migration(pairs, store.segment_names(), currency),
        "Share of each segment's customers that are now in each segment.",
    )
    first = pairs["from_date"].dropna()
    since = f"{store.day(first.iloc[0])} to " if len(first) else ""
    st.caption(
        f"From {since}{days[chosen]}: of the customers of a segment (row), the share that is in "
        "each segment (column) at the end. The whole shop, whatever is filtered."
    )


def main() -> None:
    """Draw the page."""
    currency = store.currency()
    st.title("Who are our customers?", anchor=False)
    if layout.nothing_selected():
        return
    st.subheader("What does each segment mean, and what should we do?", anchor=False)
    if not store.is_ok("segments"):
        st.info(store.why("segments"))
    draw_table(store.filters()["segment"])
    draw_grid(currency)
    draw_distributions(currency)
    draw_migration(currency)


main()
