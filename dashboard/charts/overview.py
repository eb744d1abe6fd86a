"""Charts of the overview: revenue by month and by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, coloured

MONTHS_HEIGHT = 230


def monthly_revenue(months: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Stack net revenue by month; a month that is not over is pale and says so.

    Parameters
    ----------
    months : pandas.DataFrame
        `month_start_date`, `is_partial`, `net_revenue` and its three parts.
    currency : str
        Unit of the amounts.
    """
    tooltip = [
        alt.Tooltip("month:N", title="Month"),
        alt.Tooltip("part:N", title="Part"),
        alt.Tooltip("amount:Q", title=currency, format=",.0f"),
        alt.Tooltip("net_revenue:Q", title=f"Whole month, {currency}", format=",.0f"),
    ]
    months, x, bars = _stacked(
        months, wording.REVENUE_PARTS, "net_revenue", f"Net revenue ({currency})", tooltip
    )
    partial = (
        alt.Chart(months[months["is_partial"]])
        .mark_text(dy=-8, color=colours.INK, fontStyle="italic")
        .encode(x=x, y=alt.Y("net_revenue:Q"), text=alt.TextValue("partial"))
    )
    chart: alt.LayerChart = (bars + partial).properties(height=MONTHS_HEIGHT)
    return chart


def growth(changes: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Stack what made each month differ from the month before, above and below zero.

    Parameters
    ----------
    changes : pandas.DataFrame
        `month_start_date`, `is_partial`, `net_revenue_change` and a column for each of
        `wording.GROWTH_PARTS`; the parts add up to the change.
    currency : str
        Unit of the amounts.
    """
    tooltip = [
        alt.Tooltip("month:N", title="Month"),
        alt.Tooltip("part:N", title="By"),
        alt.Tooltip("amount:Q", title=currency, format="+,.0f"),
        alt.Tooltip("net_revenue_change:Q", title=f"In all, {currency}", format="+,.0f"),
    ]
    changes, x, bars = _stacked(
        changes, wording.GROWTH_PARTS, "net_revenue_change", f"Change ({currency})", tooltip
    )
    sums = (
        alt.Chart(changes)
        .mark_tick(color=colours.STRONG_INK, thickness=2)
        .encode(x=x, y=alt.Y("net_revenue_change:Q"), tooltip=[tooltip[0], tooltip[-1]])
    )
    chart: alt.LayerChart = (bars + sums).properties(height=MONTHS_HEIGHT)
    return chart


def _stacked(
    months: pd.DataFrame,
    parts: Mapping[str, tuple[str, str]],
    total: str,
    title: str,
    tooltip: Sequence[alt.Tooltip],
) -> tuple[pd.DataFrame, alt.X, alt.Chart]:
    """Return the months with their names, their axis, and bars of the parts of each."""
    wide = months.assign(month=months["month_start_date"].dt.strftime("%b %Y"))
    long = wide.melt(
        id_vars=["month", "is_partial", total],
        value_vars=list(parts),
        var_name="part",
        value_name="amount",
    )
    long["rank"] = long["part"].map({part: rank for rank, part in enumerate(parts)})
    long["part"] = long["part"].map({part: label for part, (label, _) in parts.items()})
    x = alt.X(
        "month:N",
        sort=wide["month"].tolist(),
        title=None,
        axis=alt.Axis(labelAngle=0, labelOverlap=True),
    )
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y(
                "amount:Q",
                title=title,
                axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=6),
                scale=alt.Scale(nice=False),
            ),
            color=alt.Color(
                "part:N",
                scale=coloured(dict(parts.values())),
                legend=alt.Legend(title=None, orient="top", columns=2, labelFontSize=12),
            ),
            order=alt.Order("rank:Q"),
            opacity=alt.condition("datum.is_partial", alt.value(0.45), alt.value(1)),
            tooltip=list(tooltip),
        )
    )
    return wide, x, bars


def segment_shares(segments: pd.DataFrame, highlighted: Sequence[str]) -> alt.LayerChart:
    """Draw each segment's share of customers beside its share of net revenue.

    Parameters
    ----------
    segments : pandas.DataFrame
        `segment`, `customer_share`, `net_revenue_share` (0…1), best first.
    highlighted : sequence of str
        Segments to keep in colour; the others turn grey. Empty: all in colour.
    """
    names = segments["segment"].tolist()
    long = segments.melt(
        id_vars="segment",
        value_vars=["customer_share", "net_revenue_share"],
        var_name="measure",
        value_name="share",
    )
    labels = {"customer_share": "of customers", "net_revenue_share": "of revenue"}
    long["measure"] = long["measure"].map(labels)
    long["label"] = [
        f"{wording.percent(share, 0)} {measure}"
        for share, measure in zip(long["share"], long["measure"], strict=True)
    ]
    shown = {
        name: colour if not highlighted or name in highlighted else colours.FADED
        for name, colour in colours.segment_colours(names).items()
    }
    base = alt.Chart(long).encode(
        y=alt.Y("segment:N", sort=names, title=None, axis=alt.Axis(labelLimit=130)),
        yOffset=alt.YOffset("measure:N", sort=list(labels.values())),
        x=alt.X(
            "share:Q",
            title="Share of all",
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
            scale=alt.Scale(domainMax=2 * float(long["share"].max())),
        ),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("measure:N", title="Share"),
            alt.Tooltip("share:Q", title="Value", format=".1%"),
        ],
    )
    bars = base.mark_bar(strokeWidth=1.5).encode(
        color=alt.Color("segment:N", scale=coloured(shown), legend=None),
        stroke=alt.Stroke("segment:N", scale=coloured(shown), legend=None),
        fillOpacity=alt.condition(
            alt.datum.measure == labels["customer_share"], alt.value(0.25), alt.value(1)
        ),
    )
    texts = base.mark_text(align="left", dx=5, color=colours.INK).encode(text=alt.Text("label:N"))
    chart: alt.LayerChart = (bars + texts).properties(height=50 * len(names) + 50)
    return chart
