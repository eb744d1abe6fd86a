"""Segments: what each means, what to do, and how days, orders and spend are spread."""

from __future__ import annotations

import charts
import layout
import pandas as pd
import store
import streamlit as st
import wording

MEASURES = {
    "days": ("How long ago did they buy?", "Days since last order"),
    "orders": ("How often do they buy?", "Orders"),
    "spend": ("How much do they spend?", "Net revenue"),
}


def bin_labels(measure: str, edges: list[float]) -> dict[float, str]:
    """Name the bins by their lower edges."""
    labels = {}
    for lower, upper in zip(edges, [*edges[1:], None], strict=True):
        if measure == "spend":
            if upper is None:
                name = f"{wording.short_number(lower)}+"
            elif lower < 0 and lower == -float("inf"):
                name = f"under {wording.short_number(upper)}"
            else:
                name = f"{wording.short_number(lower)}–{wording.short_number(upper)}"
        elif upper is None:
            name = f"{lower:.0f}+"
        else:
            name = f"{lower:.0f}" if upper == lower + 1 else f"{lower:.0f}–{upper - 1:.0f}"
        labels[lower] = name
    return labels


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
    st.dataframe(
        table,
        hide_index=True,
        row_height=72,
        height="content",
        column_config={
            "Segment": st.column_config.TextColumn(width=110),
            "Meaning": st.column_config.TextColumn(width=150),
            "What to do": st.column_config.TextColumn(width=270),
            "Customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "repurchase": layout.percent_column(
                "Bought again",
                "Measured: of those who were in the segment at the date below, the share that "
                "bought within the next 90 days.",
            ),
        },
        alt="Segments with their meaning, action and size.",
    )
    days = segments["validity_as_of_date"].dropna()
    measured = (
        f" Bought again: of those in the segment on {store.day(days.iloc[0])}." if len(days) else ""
    )
    st.caption(f"Of all customers; only the filter of segments narrows the table.{measured}")


def draw_distributions(currency: str) -> None:
    """Draw days, orders and spend of the selected customers by segment."""
    names = store.segment_names()
    ranges = store.ranges()
    edges = {
        "days": store.day_edges(ranges["last_day"]),
        "orders": store.order_edges(ranges["most_orders"]),
        "spend": store.spend_edges(ranges["low_spend"], ranges["high_spend"]),
    }
    for measure, (column, (question, title)) in zip(
        MEASURES, zip(st.columns(3, gap="medium"), MEASURES.values(), strict=True), strict=True
    ):
        unit = f"{title} ({currency})" if measure == "spend" else title
        with column:
            layout.show(
                question,
                charts.histogram(
                    store.histogram(measure, edges[measure]),
                    bin_labels(measure, edges[measure]),
                    names,
                    unit,
                ),
                f"Customers by {title.lower()}, stacked by segment.",
            )
            st.altair_chart(
                charts.spread(store.spread(measure), names, unit, log=measure != "days"),
                width="stretch",
                alt=f"{title} of each segment: range, middle half and median.",
            )
    st.caption(
        "Above: customers in each bin, stacked by segment. Below: the middle half of each "
        "segment (bar), all but the lowest and highest 5 % (line) and the median (dot); "
        "orders and spend on log axes."
    )


def main() -> None:
    """Draw the page."""
    currency = store.currency()
    st.title("Who are our customers?", anchor=False)
    if layout.nothing_selected():
        return
    st.subheader("What does each segment mean, and what should we do?", anchor=False)
    draw_table(store.filters()["segment"])
    draw_distributions(currency)


main()
