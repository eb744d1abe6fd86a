"""Segments: meaning, action, and distributions of days, purchase days and spend."""

from __future__ import annotations

import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import segments as charts
from queries import segments as queries

MEASURES = {
    "days": ("How long ago did they buy?", "Days since last order"),
    "purchase_days": ("How often do they buy?", "Purchase days"),
    "spend": ("How much do they spend?", "Net revenue"),
}


def draw_table(chosen: list[str]) -> None:
    """Draw each segment's meaning, size and action."""
    segments = marts_reader.segments()
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
            "Meaning": st.column_config.TextColumn(width=185),
            "What to do": st.column_config.TextColumn(width=165),
            "Customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "repurchase": layout.percent_column(
                "Bought again",
                "Measured: share of the segment's members at the date below who bought within "
                "the next 90 days.",
            ),
        },
        row_height=100,
        height="content",
    )
    days = segments["validity_as_of_date"].dropna()
    measured = (
        " Bought again is measured on the members of each segment on "
        f"{marts_reader.day(days.iloc[0])}."
        if len(days)
        else ""
    )
    st.caption(f"All customers; only the segment filter narrows this table.{measured}")


def draw_grid(currency: str) -> None:
    """Draw the RFM scores behind the segments."""
    cells = queries.rfm_grid()
    if cells.empty:
        return
    layout.show(
        "How are the RFM scores distributed?",
        charts.rfm_grid(cells, currency),
        "Customers by their score of days since the last order and their score of purchase days.",
        "Customers in each pair of scores. A score of 5 is the best quintile. Customers with equal "
        "values share a score, so quintiles differ in size. A blank pair has no customers.",
    )


def draw_distributions(currency: str) -> None:
    """Draw distributions of days, purchase days and spend of the selected customers by segment."""
    names = marts_reader.segment_names()
    for measure, (column, (question, title)) in zip(
        MEASURES, zip(st.columns(3, gap="medium"), MEASURES.values(), strict=True), strict=True
    ):
        is_spend = measure == "spend"
        unit = f"{title} ({currency})" if is_spend else title
        edges = queries.edges(measure)
        labels = wording.band_labels(edges, money=is_spend)
        with column:
            layout.show(
                question,
                charts.histogram(queries.bands(measure, edges), labels, names, unit),
                f"Customers by {title.lower()}, stacked by segment.",
            )
            quantiles = queries.spread(measure)
            if not quantiles.empty:
                layout.draw(
                    charts.spread(quantiles, names, unit, log=measure != "days"),
                    f"{title} of each segment: range, interquartile range and median.",
                )
    st.caption(
        "Above: customers in each band, stacked by segment; bands grow wider to the right. Below: "
        "interquartile range (bar), 5th to 95th percentile (line) and median (dot) of each "
        "segment; purchase days and spend have log axes."
        + (
            " The quantiles below are those of a sample of "
            f"{wording.whole(quantiles['customers'].sum())} customers."
            if queries.is_sampled()
            else ""
        )
    )


def draw_migration(currency: str) -> None:
    """Draw the movement of customers between segments since the date before."""
    st.subheader("Where do customers move?", anchor=False)
    pairs = queries.migration()
    if pairs.empty:
        st.info(
            "The data are too short to show movement: it needs an earlier date to compare with."
        )
        return
    days = {
        to_date: marts_reader.day(to_date)
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
        charts.migration(pairs, marts_reader.segment_names(), currency),
        "Share of each earlier segment's customers who are now in each segment.",
    )
    first = pairs["from_date"].dropna()
    since = f"{marts_reader.day(first.iloc[0])} to " if len(first) else ""
    st.caption(
        f"From {since}{days[chosen]}: share of the customers of the earlier segment (row) who are "
        "in each segment (column) at the end. Whole shop, regardless of filters."
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Who are our customers?", anchor=False)
    if layout.nothing_selected():
        return
    st.subheader("What does each segment mean, and what should we do?", anchor=False)
    if not marts_reader.is_ok("segments"):
        st.info(marts_reader.why("segments"))
    draw_table(marts_reader.filters()["segment"])
    draw_grid(currency)
    draw_distributions(currency)
    draw_migration(currency)


main()
