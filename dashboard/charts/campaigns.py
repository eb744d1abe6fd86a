"""Charts of campaigns: what one could detect, and what those that are over did."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd

from charts import coloured, interval

HELD_OUT_COLOURS = ("#56B4E9", "#0072B2", "#4A4A4A")
STATUS_COLOURS = {
    "More bought": "#009E73",
    "No difference seen": "#0072B2",
    "Fewer bought": "#D55E00",
}


def detectable(sizes: pd.DataFrame, customers: int, assumed: float) -> alt.LayerChart:
    """Draw the smallest effect that a campaign can show, by its size and the share held out.

    Parameters
    ----------
    sizes : pandas.DataFrame
        `customers` (contacted and held out), `held_out` (in words) and `points`, the smallest
        effect in points.
    customers : int
        How many there are now.
    assumed : float
        The effect that is assumed, in points.
    """
    shares = sizes["held_out"].drop_duplicates().tolist()
    base = alt.Chart(sizes).encode(
        x=alt.X(
            "customers:Q",
            title="Customers, contacted and held out",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(format="~s", tickCount=5, grid=False),
        ),
        tooltip=[
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("held_out:N", title="Held out"),
            alt.Tooltip("points:Q", title="Smallest effect, points", format=".1f"),
        ],
    )
    lines = base.mark_line(strokeWidth=2.5).encode(
        y=alt.Y(
            "points:Q",
            title="Smallest effect that shows (points)",
            axis=alt.Axis(tickCount=5),
            scale=alt.Scale(domainMin=0),
        ),
        color=alt.Color(
            "held_out:N",
            scale=coloured(dict(zip(shares, HELD_OUT_COLOURS, strict=False))),
            legend=alt.Legend(title="Held out", orient="top"),
        ),
    )
    marks = pd.DataFrame({"customers": [customers], "points": [assumed], "now": ["now"]})
    now = alt.Chart(marks).encode(
        x="customers:Q", tooltip=[alt.Tooltip("customers:Q", title="Customers now", format=",.0f")]
    )
    layers = lines + now.mark_rule(color=colours.INK, strokeDash=[4, 3])
    layers += now.mark_text(align="left", dx=5, dy=8, color=colours.INK, baseline="top").encode(
        y=alt.value(0), text="now:N"
    )
    if assumed > 0:
        effect = alt.Chart(marks).encode(
            y="points:Q",
            tooltip=[alt.Tooltip("points:Q", title="Assumed effect, points", format=".1f")],
        )
        layers += effect.mark_rule(color=colours.ACCENT, strokeWidth=1.5)
    chart: alt.LayerChart = layers.properties(height=300)
    return chart


def effects(readouts: pd.DataFrame) -> alt.LayerChart:
    """Draw how many more of those contacted bought than of those held out, with intervals.

    Parameters
    ----------
    readouts : pandas.DataFrame
        `label` (unique, the latest first), `points`, `points_low`, `points_high`, `verdict` (a
        key of `STATUS_COLOURS`), `contacted_customers`, `held_out_customers`.
    """
    base = alt.Chart(readouts).encode(
        y=alt.Y(
            "label:N",
            sort=readouts["label"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=260),
        ),
        color=alt.Color(
            "verdict:N",
            scale=coloured(STATUS_COLOURS),
            legend=alt.Legend(title=None, orient="top", columns=1),
        ),
        tooltip=[
            alt.Tooltip("label:N", title="Campaign"),
            alt.Tooltip("points:Q", title="Difference, points", format="+.1f"),
            *interval("points_low", "points_high", "+.1f"),
            alt.Tooltip("contacted_customers:Q", title="Contacted", format=",.0f"),
            alt.Tooltip("held_out_customers:Q", title="Held out", format=",.0f"),
        ],
    )
    ranges = base.mark_rule(strokeWidth=3).encode(
        x=alt.X(
            "points_low:Q",
            title="More buyers than held out (points)",
            axis=alt.Axis(titleAnchor="end", tickCount=6),
        ),
        x2="points_high:Q",
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x="points:Q")
    nothing = (
        alt.Chart(pd.DataFrame({"points": [0.0]})).mark_rule(color=colours.INK).encode(x="points:Q")
    )
    chart: alt.LayerChart = (nothing + ranges + dots).properties(height=36 * len(readouts) + 160)
    return chart
