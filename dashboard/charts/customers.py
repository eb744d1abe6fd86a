"""Charts of a single customer."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import altair as alt
import colours
import pandas as pd

from charts import LINES

SUM = "These together"
REASON_LETTERS = 34


class NextOrder(NamedTuple):
    """Days by which the next order comes with 10, 50 and 90 %; the middle may be unknown."""

    low: pd.Timestamp
    middle: pd.Timestamp | None
    high: pd.Timestamp


def timeline(
    orders: pd.DataFrame,
    first_day: pd.Timestamp,
    last_day: pd.Timestamp,
    currency: str,
    expected: NextOrder | None = None,
) -> alt.LayerChart:
    """Draw a customer's orders over the days that the data cover, and when the next is expected.

    Parameters
    ----------
    orders : pandas.DataFrame
        `order_id`, `ordered_at`, `lines`, `net_revenue`, `returned_amount`, `is_void`.
    first_day, last_day : pandas.Timestamp
        The first invoice and the as-of date.
    currency : str
        Unit of the amounts.
    expected : NextOrder, optional
        None without a forecast.
    """
    end = expected.high if expected else last_day
    drawn = orders.assign(
        kind=orders["is_void"].map({True: "Returned in full", False: "Order"}),
        ground=0.0,
    )
    x = alt.X(
        "ordered_at:T",
        title=None,
        scale=alt.Scale(domain=[f"{first_day:%Y-%m-%d}", f"{end:%Y-%m-%d}"]),
        axis=alt.Axis(format="%b %Y", labelOverlap=True, tickCount=6),
    )
    base = alt.Chart(drawn).encode(
        x=x,
        tooltip=[
            alt.Tooltip("ordered_at:T", title="Day", format="%Y-%m-%d"),
            alt.Tooltip("order_id:N", title="Order"),
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("lines:Q", title="Lines"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.2f"),
            alt.Tooltip("returned_amount:Q", title=f"Returned, {currency}", format=",.2f"),
        ],
    )
    most = float(drawn["net_revenue"].max())
    amount = alt.Y(
        "net_revenue:Q",
        title=f"Net revenue ({currency})",
        axis=alt.Axis(tickCount=4),
        # Room for the highest point.
        scale=alt.Scale(domainMax=1.08 * most, nice=False) if most > 0 else alt.Scale(),
    )
    stems = base.mark_rule(color=colours.MUTED, strokeWidth=2).encode(
        y=amount, y2=alt.Y2("ground:Q")
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        y=amount,
        color=alt.condition("datum.is_void", alt.value(colours.MUTED), alt.value(colours.MAIN)),
    )
    layers = stems + dots
    if expected:
        layers = _expected(last_day, expected) + layers
    chart: alt.LayerChart = layers.properties(height=240)
    return chart


def _expected(last_day: pd.Timestamp, expected: NextOrder) -> alt.LayerChart:
    """Draw when the next order is expected: a band, and its middle where it is known."""
    named = {"today": last_day, **expected._asdict()}
    days = pd.DataFrame(
        {name: [None if day is None else f"{day:%Y-%m-%d}"] for name, day in named.items()}
    )
    base = alt.Chart(days).encode(
        tooltip=[
            alt.Tooltip("low:T", title="Next order, 10 % by", format="%Y-%m-%d"),
            alt.Tooltip("high:T", title="at the end of the band", format="%Y-%m-%d"),
        ]
    )
    layers = base.mark_rect(color=colours.MAIN, opacity=0.18).encode(
        x="low:T", x2="high:T"
    ) + base.mark_rule(color=colours.INK).encode(x="today:T")
    if expected.middle is not None:
        layers += base.mark_rule(color=colours.MAIN, strokeDash=[5, 4], strokeWidth=2).encode(
            x="middle:T"
        )
    chart: alt.LayerChart = layers
    return chart


def waterfall(reasons: pd.DataFrame) -> alt.LayerChart:
    """Draw the reasons for a customer's risk one after the other, and what they add up to.

    Parameters
    ----------
    reasons : pandas.DataFrame
        `reason` (unique), `contribution`; strongest first.
    """
    ends = reasons["contribution"].cumsum()
    total = float(ends.iloc[-1])
    steps = pd.DataFrame(
        {
            "reason": [*reasons["reason"], SUM],
            "begins": [0.0, *ends.iloc[:-1], 0.0],
            "ends": [*ends, total],
            "change": [*reasons["contribution"], total],
        }
    )
    steps["label"] = [
        "\n".join(textwrap.wrap(reason, REASON_LETTERS)) for reason in steps["reason"]
    ]
    steps["effect"] = steps["change"].map(lambda change: "higher" if change > 0 else "lower")
    reach = 1.15 * float(steps[["begins", "ends"]].abs().max().max() or 1)
    base = alt.Chart(steps).encode(
        y=alt.Y(
            "label:N",
            sort=steps["label"].tolist(),
            title=None,
            axis=alt.Axis(labelExpr=LINES, labelLimit=260),
        ),
        tooltip=[
            alt.Tooltip("reason:N", title="Reason"),
            alt.Tooltip("effect:N", title="Risk"),
            alt.Tooltip("change:Q", title="By (log-odds)", format="+.2f"),
        ],
    )
    bars = base.mark_bar(size=22).encode(
        x=alt.X(
            "begins:Q",
            title="← lower risk than typical · higher →",
            scale=alt.Scale(domain=[-reach, reach]),
            axis=alt.Axis(labels=False, ticks=False, grid=False, titleAnchor="end"),
        ),
        x2="ends:Q",
        color=alt.condition("datum.change > 0", alt.value(colours.ACCENT), alt.value(colours.MAIN)),
        opacity=alt.condition(f"datum.reason === '{SUM}'", alt.value(0.5), alt.value(1)),
    )
    typical = (
        alt.Chart(pd.DataFrame({"begins": [0.0]})).mark_rule(color=colours.INK).encode(x="begins:Q")
    )
    chart: alt.LayerChart = (bars + typical).properties(height=62 * len(steps) + 40)
    return chart
