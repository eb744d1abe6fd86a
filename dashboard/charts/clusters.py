"""Charts of clusters: the map of customers, and how the number was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import colours
import pandas as pd
import wording

from charts import DAY_TICKS, LINES, SHORT_MONEY, coloured, heat_map, in_lines, log_ticks


def _log_axes(
    days: pd.Series, amounts: pd.Series
) -> tuple[alt.Scale, alt.Axis, alt.Scale, alt.Axis]:
    last_day = max(float(days.max()), 1.0)
    low, high = float(amounts.min()) / 1.3, float(amounts.max()) * 1.3
    return (
        # Like a log axis, but with a place for those who bought on the as-of date.
        alt.Scale(type="symlog", constant=1, nice=False, domain=[-0.15, last_day * 1.06]),
        alt.Axis(values=[tick for tick in DAY_TICKS if tick <= last_day], format="d"),
        alt.Scale(type="log", nice=False, domain=[low, high]),
        alt.Axis(labelExpr=SHORT_MONEY, values=log_ticks(low, high)),
    )


def cluster_points(customers: pd.DataFrame, clusters: Sequence[str], currency: str) -> alt.Chart:
    """Draw one point for each customer: days since last order against net revenue.

    Parameters
    ----------
    customers : pandas.DataFrame
        `customer_id`, `cluster_name`, `segment`, `days_since_last_order`, `purchase_days`,
        `net_revenue` (above 0).
    clusters : sequence of str
        All clusters, best first.
    currency : str
        Unit of net revenue.
    """
    days, day_axis, money, money_axis = _log_axes(
        customers["days_since_last_order"], customers["net_revenue"]
    )
    chart: alt.Chart = (
        alt.Chart(customers)
        .mark_circle(size=24, opacity=0.55)
        .encode(
            x=alt.X(
                "days_since_last_order:Q",
                title="Days since last order (log scale)",
                scale=days,
                axis=day_axis,
            ),
            y=alt.Y(
                "net_revenue:Q",
                title=f"Net revenue, {currency} (log scale)",
                scale=money,
                axis=money_axis,
            ),
            color=_cluster_colour(clusters),
            tooltip=[
                alt.Tooltip("customer_id:N", title="Customer"),
                alt.Tooltip("cluster_name:N", title="Cluster"),
                alt.Tooltip("segment:N", title="Segment"),
                alt.Tooltip("days_since_last_order:Q", title="Days since last order"),
                alt.Tooltip("purchase_days:Q", title="Purchase days"),
                alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
            ],
        )
        .properties(height=520)
    )
    return chart


def cluster_cells(cells: pd.DataFrame, clusters: Sequence[str], currency: str) -> alt.Chart:
    """Draw a 2-D histogram: colour is the most frequent cluster, opacity the customers.

    Parameters
    ----------
    cells : pandas.DataFrame
        `days_from`, `days_to`, `spend_from`, `spend_to` (above 0), `customers`,
        `cluster_name`.
    clusters : sequence of str
        All clusters, best first.
    currency : str
        Unit of the amounts.
    """
    days, day_axis, money, money_axis = _log_axes(
        cells["days_to"], pd.concat([cells["spend_from"], cells["spend_to"]])
    )
    chart: alt.Chart = (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            x=alt.X(
                "days_from:Q",
                title="Days since last order (log scale)",
                scale=days,
                axis=day_axis,
            ),
            x2=alt.X2("days_to:Q"),
            y=alt.Y(
                "spend_from:Q",
                title=f"Net revenue, {currency} (log scale)",
                scale=money,
                axis=money_axis,
            ),
            y2=alt.Y2("spend_to:Q"),
            color=_cluster_colour(clusters),
            opacity=alt.Opacity(
                "customers:Q", scale=alt.Scale(type="sqrt", range=[0.15, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("cluster_name:N", title="Most frequent cluster"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip("days_from:Q", title="Days since last order, from", format=",.1f"),
                alt.Tooltip("days_to:Q", title="to", format=",.1f"),
                alt.Tooltip("spend_from:Q", title=f"Net revenue, {currency}, from", format=",.0f"),
                alt.Tooltip("spend_to:Q", title="to", format=",.0f"),
            ],
        )
        .properties(height=520)
    )
    return chart


def _cluster_colour(clusters: Sequence[str]) -> alt.Color:
    return alt.Color(
        "cluster_name:N",
        scale=coloured(colours.cluster_colours(clusters)),
        legend=alt.Legend(
            title=None,
            orient="top",
            labelLimit=320,
            columns=1,
            symbolOpacity=1,
            symbolSize=90,
            symbolStrokeWidth=0,
        ),
    )


def cluster_choice(
    measures: pd.DataFrame, measure: str, title: str
) -> alt.LayerChart | alt.FacetChart:
    """Draw a measure over the number of clusters and mark the number chosen.

    Parameters
    ----------
    measures : pandas.DataFrame
        `k`, `is_chosen` and the measure.
    measure : str
        Name of the column.
    title : str
        The measure in words.
    """
    drawn = measures[["k", "is_chosen", measure]].rename(columns={measure: "value"}).dropna()
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "k:Q",
            title="Number of clusters, k",
            axis=alt.Axis(values=drawn["k"].tolist(), format="d"),
            scale=alt.Scale(nice=False, padding=18),
        ),
        y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, padding=18)),
        tooltip=[
            alt.Tooltip("k:Q", title="Clusters"),
            alt.Tooltip("value:Q", title=title, format=",.3~f"),
            alt.Tooltip("is_chosen:N", title="Chosen"),
        ],
    )
    line = base.mark_line(color=colours.MAIN, point=alt.OverlayMarkDef(color=colours.MAIN, size=50))
    chosen = base.transform_filter("datum.is_chosen")
    dot = chosen.mark_point(color=colours.ACCENT, filled=True, size=170, opacity=1)
    name = (
        chosen.transform_calculate(label="'k = ' + datum.k + ' chosen'")
        .mark_text(align="left", dx=10, dy=-12, color=colours.ACCENT, fontWeight="bold")
        .encode(text=alt.Text("label:N"))
    )
    return alt.layer(line, dot, name).properties(height=260)


def centroids(
    clusters: pd.DataFrame, customers: alt.Chart, currency: str, names: Sequence[str]
) -> alt.LayerChart:
    """Mark the centroid of each cluster on the map of its customers.

    Parameters
    ----------
    clusters : pandas.DataFrame
        `cluster_name`, `customers`, `centroid_days_since_last_order`, `centroid_frequency`,
        `centroid_net_revenue`.
    customers : altair.Chart
        The map, on whose axes the marks stand.
    currency : str
        Unit of the amounts.
    names : sequence of str
        All clusters, best first.
    """
    drawn = clusters.dropna(subset=["centroid_days_since_last_order", "centroid_net_revenue"])
    marks = (
        alt.Chart(drawn[drawn["centroid_net_revenue"] > 0])
        .mark_point(
            shape="diamond",
            size=260,
            filled=True,
            opacity=1,
            stroke=colours.STRONG_INK,
            strokeWidth=2,
        )
        .encode(
            x=alt.X("centroid_days_since_last_order:Q"),
            y=alt.Y("centroid_net_revenue:Q"),
            color=_cluster_colour(names),
            tooltip=[
                alt.Tooltip("cluster_name:N", title="Centroid of"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip(
                    "centroid_days_since_last_order:Q",
                    title="Days since last order",
                    format=",.0f",
                ),
                alt.Tooltip("centroid_frequency:Q", title="Purchase days", format=",.1f"),
                alt.Tooltip(
                    "centroid_net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"
                ),
            ],
        )
    )
    chart: alt.LayerChart = customers + marks
    return chart


def cluster_segments(
    cells: pd.DataFrame, clusters: Sequence[str], segments: Sequence[str], currency: str
) -> alt.LayerChart:
    """Draw how each cluster's customers are distributed over the segments.

    Parameters
    ----------
    cells : pandas.DataFrame
        `cluster_name`, `segment`, `customers`, `net_revenue`.
    clusters, segments : sequence of str
        All of them, best first.
    currency : str
        Unit of the amounts.
    """
    totals = cells.groupby("cluster_name")["customers"].transform("sum")
    drawn = cells.assign(share=cells["customers"] / totals)
    drawn["label"] = [wording.whole_percent(share) for share in drawn["share"]]
    drawn["cluster"] = drawn["cluster_name"].map(in_lines)
    drawn["column"] = drawn["segment"].map(lambda name: in_lines(name, 10))
    present = [in_lines(name) for name in clusters if name in set(cells["cluster_name"])]
    return heat_map(
        drawn,
        alt.X(
            "column:N",
            sort=[in_lines(name, 10) for name in segments],
            title=None,
            axis=alt.Axis(
                labelExpr=LINES, labelAngle=0, labelFontSize=9, orient="top", labelOverlap=False
            ),
        ),
        alt.Y(
            "cluster:N", sort=present, title=None, axis=alt.Axis(labelExpr=LINES, labelLimit=200)
        ),
        "share",
        "label",
        [
            alt.Tooltip("cluster_name:N", title="Cluster"),
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("share:Q", title="Share of the cluster", format=".1%"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
        ],
        rows=len(present) + 1,
        top=1.0,
    )
