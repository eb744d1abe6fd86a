"""Charts of a single customer."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd


def timeline(
    orders: pd.DataFrame, first_day: pd.Timestamp, last_day: pd.Timestamp, currency: str
) -> alt.LayerChart:
    """Draw a customer's orders over the days that the data cover.

    Parameters
    ----------
    orders : pandas.DataFrame
        `order_id`, `ordered_at`, `lines`, `net_revenue`, `returned_amount`, `is_void`.
    first_day, last_day : pandas.Timestamp
        The first invoice and the as-of date.
    currency : str
        Unit of the amounts.
    """
    drawn = orders.assign(
        kind=orders["is_void"].map({True: "Returned in full", False: "Order"}),
        ground=0.0,
    )
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "ordered_at:T",
            title=None,
            scale=alt.Scale(domain=[f"{first_day:%Y-%m-%d}", f"{last_day:%Y-%m-%d}"]),
            axis=alt.Axis(format="%b %Y", labelOverlap=True, tickCount=6),
        ),
        tooltip=[
            alt.Tooltip("ordered_at:T", title="Day", format="%Y-%m-%d"),
            alt.Tooltip("order_id:N", title="Order"),
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("lines:Q", title="Lines"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.2f"),
            alt.Tooltip("returned_amount:Q", title=f"Returned, {currency}", format=",.2f"),
        ],
    )
    amount = alt.Y("net_revenue:Q", title=f"Net revenue ({currency})", axis=alt.Axis(tickCount=4))
    stems = base.mark_rule(color=colours.MUTED, strokeWidth=2).encode(
        y=amount, y2=alt.Y2("ground:Q")
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        y=amount,
        color=alt.condition("datum.is_void", alt.value(colours.MUTED), alt.value(colours.MAIN)),
    )
    chart: alt.LayerChart = (stems + dots).properties(height=240)
    return chart
