"""Charts of segments: distributions of days, purchase days and spend."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, coloured, heat_map, log_ticks, rows_height


def histogram(
    counts: pd.DataFrame, labels: dict[int, str], segments: Sequence[str], title: str
) -> alt.Chart:
    """Stack the customers of each segment over the bins of a measure.

    Parameters
    ----------
    counts : pandas.DataFrame
        `segment`, `lower_bound`, `customers`.
    labels : dict of int to str
        What to call the bin that begins at each edge; every bin is drawn, empty or not.
    segments : sequence of str
        All segments, best first.
    title : str
        The measure with its unit.
    """
    drawn = counts.assign(
        bin=counts["lower_bound"].map(labels),
        rank=counts["segment"].map({name: rank for rank, name in enumerate(segments)}),
    ).drop(columns="lower_bound")
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=alt.X(
                "bin:N",
                sort=list(labels.values()),
                scale=alt.Scale(domain=list(labels.values())),
                title=title,
                axis=alt.Axis(labelAngle=-60, labelOverlap=True, labelFontSize=10),
            ),
            y=alt.Y("customers:Q", title="Customers", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "segment:N", scale=coloured(colours.segment_colours(segments)), legend=None
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("segment:N", title="Segment"),
                alt.Tooltip("bin:N", title=title),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            ],
        )
        .properties(height=260)
    )
    return chart


def spread(
    quantiles: pd.DataFrame,
    segments: Sequence[str],
    title: str,
    *,
    log: bool = False,
    share: bool = False,
) -> alt.LayerChart | alt.FacetChart:
    """Draw a measure's interquartile range (bar), 5–95 % range (line) and median by segment.

    Parameters
    ----------
    quantiles : pandas.DataFrame
        `segment`, `customers`, `low`, `lower_quarter`, `median`, `upper_quarter`, `high`,
        `mean`.
    segments : sequence of str
        All segments, best first.
    title : str
        The measure with its unit.
    log : bool
        Use a log axis; values below 1 are drawn at 1.
    share : bool
        The measure is a share, 0…1.
    """
    present = [name for name in segments if name in set(quantiles["segment"])]
    columns = ["low", "lower_quarter", "median", "upper_quarter", "high"]
    drawn = quantiles.copy()
    if log:
        drawn[columns] = drawn[columns].clip(lower=1)
    value_format = ".1%" if share else ",.0f"
    if log:
        bottom = 10.0 ** math.floor(math.log10(drawn["low"].min()))
        # The next round number, so that most filters leave the axis where it is.
        high = max(10 * bottom, float(drawn["high"].max()))
        size = 10.0 ** math.floor(math.log10(high))
        top = next(digit * size for digit in (1, 2, 5, 10) if digit * size >= high)
        axis = alt.Axis(labelExpr=SHORT_MONEY, values=log_ticks(bottom, top))
        scale = alt.Scale(type="log", domain=[bottom, top], nice=False)
    else:
        axis = alt.Axis(format=".0%") if share else alt.Axis(tickCount=5)
        scale = alt.Scale(domain=[0, 1]) if share else alt.Scale()
    base = alt.Chart(drawn).encode(
        y=alt.Y("segment:N", sort=present, title=None, axis=alt.Axis(labelLimit=200)),
        color=alt.Color(
            "segment:N", scale=coloured(colours.segment_colours(segments)), legend=None
        ),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("low:Q", title="5th percentile", format=value_format),
            alt.Tooltip("lower_quarter:Q", title="First quartile", format=value_format),
            alt.Tooltip("median:Q", title="Median", format=value_format),
            alt.Tooltip("upper_quarter:Q", title="Third quartile", format=value_format),
            alt.Tooltip("high:Q", title="95th percentile", format=value_format),
            alt.Tooltip("mean:Q", title="Mean", format=value_format),
        ],
    )
    ranges = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2=alt.X2("high:Q")
    )
    halves = base.mark_bar(size=16).encode(x=alt.X("lower_quarter:Q"), x2=alt.X2("upper_quarter:Q"))
    medians = base.mark_point(size=55, opacity=1, strokeWidth=1.5, filled=True).encode(
        x=alt.X("median:Q"),
        color=alt.ColorValue(colours.PAGE),
        stroke=alt.StrokeValue(colours.STRONG_INK),
    )
    return alt.layer(ranges, halves, medians).properties(height=rows_height(present))


def rfm_grid(cells: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Draw how many customers share a score of days and one of purchase days.

    Parameters
    ----------
    cells : pandas.DataFrame
        `r_score`, `f_score` (1 to 5), `customers`, `net_revenue`, `segment` (the commonest).
    currency : str
        Unit of the amounts.
    """
    total = cells["net_revenue"].sum()
    drawn = cells.assign(
        share=cells["net_revenue"] / total if total > 0 else 0.0,
        label=[wording.whole(customers) for customers in cells["customers"]],
    )
    return heat_map(
        drawn,
        alt.X(
            "r_score:O",
            title="Days since last order: 1 longest ago, 5 latest",
            scale=alt.Scale(domain=[1, 2, 3, 4, 5]),
            axis=alt.Axis(labelAngle=0),
        ),
        alt.Y(
            "f_score:O",
            title="Purchase days: 5 most, 1 fewest",
            scale=alt.Scale(domain=[5, 4, 3, 2, 1]),
        ),
        "customers",
        "label",
        [
            alt.Tooltip("r_score:O", title="Score of days"),
            alt.Tooltip("f_score:O", title="Score of purchase days"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
            alt.Tooltip("share:Q", title="Its share", format=".1%"),
            alt.Tooltip("segment:N", title="Most frequent segment"),
        ],
        rows=5,
        row_height=58,
        label_size=14,
    )


def migration(pairs: pd.DataFrame, segments: Sequence[str], currency: str) -> alt.LayerChart:
    """Draw from which segment customers went to which, as shares of the segment they left.

    Parameters
    ----------
    pairs : pandas.DataFrame
        `from_segment`, `to_segment`, `customers`, `net_revenue`, of one period.
    segments : sequence of str
        All segments, best first; where customers came from may go beyond them.
    currency : str
        Unit of the amounts.
    """
    origins = [*segments, *sorted(set(pairs["from_segment"]) - set(segments))]
    present = [name for name in origins if name in set(pairs["from_segment"])]
    totals = pairs.groupby("from_segment")["customers"].transform("sum")
    drawn = pairs.assign(
        share=pairs["customers"] / totals,
        net_revenue=pairs["net_revenue"].astype(float),
    )
    drawn["label"] = [wording.whole_percent(share) for share in drawn["share"]]
    return heat_map(
        drawn,
        alt.X(
            "to_segment:N",
            sort=list(segments),
            title="Now",
            axis=alt.Axis(labelAngle=-45, orient="top", labelLimit=120, labelOverlap=False),
        ),
        alt.Y("from_segment:N", sort=present, title="Before", axis=alt.Axis(labelLimit=130)),
        "share",
        "label",
        [
            alt.Tooltip("from_segment:N", title="Before"),
            alt.Tooltip("to_segment:N", title="Now"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("share:Q", title="Share of those before", format=".1%"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
        ],
        rows=len(present) + 1,
        top=1.0,
    )
