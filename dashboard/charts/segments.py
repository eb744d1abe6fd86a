"""Charts of segments: distributions of days, purchase days and spend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, coloured, interval, log_ticks, rows_height


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


def rfm_grid(
    cells: pd.DataFrame,
    segments: Sequence[str],
    days: Sequence[str],
    purchase_days: Sequence[str],
    currency: str,
) -> alt.LayerChart | alt.FacetChart:
    """Draw the map: customers by days since the last order and purchase days.

    Parameters
    ----------
    cells : pandas.DataFrame
        `cell` (what a click gives), `days`, `purchase_days` (in words), `customers`,
        `net_revenue`, `segment` (the commonest) and `segment_share`, its share of the cell.
    segments : sequence of str
        All segments, best first.
    days, purchase_days : sequence of str
        What the scores stand for, the lowest score first.
    currency : str
        Unit of the amounts.
    """
    total = cells["net_revenue"].sum()
    drawn = cells.assign(
        share=cells["net_revenue"] / total if total > 0 else 0.0,
        label=[wording.whole(customers) for customers in cells["customers"]],
        money=[f"{currency} {wording.short_amount(amount)}" for amount in cells["net_revenue"]],
    )
    colour_of = {
        name: colour
        for name, colour in colours.segment_colours(segments).items()
        if name in set(drawn["segment"])
    }
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "days:N",
            title="Days since the last order",
            scale=alt.Scale(domain=list(days)),
            axis=alt.Axis(labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "purchase_days:N",
            title="Purchase days",
            scale=alt.Scale(domain=list(reversed(purchase_days))),
            axis=alt.Axis(domain=False, ticks=False),
        ),
        tooltip=[
            alt.Tooltip("days:N", title="Days since the last order"),
            alt.Tooltip("purchase_days:N", title="Purchase days"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
            alt.Tooltip("share:Q", title="Its share", format=".1%"),
            alt.Tooltip("segment:N", title="Most are"),
            alt.Tooltip("segment_share:Q", title="Namely", format=".0%"),
        ],
    )
    boxes = base.mark_rect(stroke=colours.PAGE, strokeWidth=3, cornerRadius=4).encode(
        color=alt.Color(
            "segment:N",
            scale=coloured(colour_of),
            legend=alt.Legend(title=None, orient="top", columns=2, labelLimit=160),
        ),
        fillOpacity=alt.FillOpacity(
            "customers:Q",
            scale=alt.Scale(domainMin=0, range=[0.12, 0.42]),
            legend=None,
        ),
    )
    counts = base.mark_text(fontSize=15, fontWeight="bold", dy=-8, color=colours.STRONG_INK).encode(
        text=alt.Text("label:N")
    )
    amounts = base.mark_text(fontSize=11, dy=10, color=colours.INK).encode(text=alt.Text("money:N"))
    chart: alt.LayerChart | alt.FacetChart = alt.layer(boxes, counts, amounts).properties(
        height=64 * len(purchase_days) + 190
    )
    return chart


def repurchase(rates: pd.DataFrame, segments: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """Draw which share of each segment bought again, with its interval.

    Parameters
    ----------
    rates : pandas.DataFrame
        `segment`, `customers`, `repurchasers`, `rate`, `low`, `high`, best segment first.
    segments : sequence of str
        All segments, best first.
    """
    drawn = rates.assign(label=[wording.percent(rate, 0) for rate in rates["rate"]])
    base = alt.Chart(drawn).encode(
        y=alt.Y(
            "segment:N",
            sort=drawn["segment"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=200),
        ),
        color=alt.Color(
            "segment:N", scale=coloured(colours.segment_colours(segments)), legend=None
        ),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("customers:Q", title="Customers then", format=",.0f"),
            alt.Tooltip("repurchasers:Q", title="Bought again", format=",.0f"),
            alt.Tooltip("rate:Q", title="Their share", format=".1%"),
            *interval("low", "high"),
        ],
    )
    x = alt.X(
        "rate:Q",
        title="Bought again within 90 days",
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    ranges = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="Bought again within 90 days"), x2=alt.X2("high:Q")
    )
    dots = base.mark_circle(size=130, opacity=1).encode(x=x)
    labels = base.mark_text(dy=-14, color=colours.INK).encode(
        x=x, text=alt.Text("label:N"), color=alt.ColorValue(colours.INK)
    )
    chart: alt.LayerChart | alt.FacetChart = alt.layer(ranges, dots, labels).properties(
        height=rows_height(drawn["segment"].tolist())
    )
    return chart


# Of the movement: the width of a day's bar and the gap between two segments, as shares of the
# distance between two days and of all customers.
BAR = 0.05
GAP = 0.025
MOVEMENT_HEIGHT = 460
# A label has two lines, and so much room in pixels.
LABEL_ROOM = 30
STEPS = [step / 12 for step in range(13)]


def movement(
    pairs: pd.DataFrame, segments: Sequence[str], currency: str
) -> alt.LayerChart | alt.FacetChart:
    """Draw how customers moved between segments, from each day to the next: an alluvial chart.

    Parameters
    ----------
    pairs : pandas.DataFrame
        `from_date`, `to_date` (in words), `from_segment`, `to_segment`, `customers`,
        `net_revenue`, of periods that follow each other, the earliest first.
    segments : sequence of str
        All segments, best first; where customers came from may go beyond them.
    currency : str
        Unit of the amounts.
    """
    found = {*pairs["from_segment"], *pairs["to_segment"]}
    names = [*segments, *sorted(found - set(segments))]
    days = [*pairs["from_date"].drop_duplicates(), pairs["to_date"].iloc[-1]]
    whole = pairs.groupby("to_date")["customers"].sum().max()
    bars, ribbons = _flows(pairs, names, days, whole)
    colour_of = {**colours.segment_colours(segments)}
    colour_of.update({name: colours.MUTED for name in names if name not in colour_of})
    places = alt.Scale(domain=[0, len(days) - 1], padding=112, nice=False, zero=False)
    bottom = max(bars["high"].max(), bars["middle"].max())
    heights = alt.Scale(domain=[-0.07 * whole, bottom], reverse=True, nice=False)
    x = alt.X("x:Q", axis=None, scale=places)
    hovered = alt.selection_point(on="pointerover", fields=["link"], clear="pointerout")
    flows = (
        alt.Chart(ribbons)
        .mark_area()
        .encode(
            x=x,
            y=alt.Y("low:Q", axis=None, scale=heights),
            y2=alt.Y2("high:Q"),
            detail="link:N",
            color=alt.Color("from_segment:N", scale=coloured(colour_of), legend=None),
            opacity=alt.condition(hovered, alt.value(0.5), alt.value(0.15)),
            tooltip=[
                alt.Tooltip("from_segment:N", title="Before"),
                alt.Tooltip("to_segment:N", title="After"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip("share:Q", title="Share of those before", format=".1%"),
                alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
            ],
        )
        .add_params(hovered)
    )
    base = alt.Chart(bars).encode(
        y=alt.Y("low:Q", axis=None, scale=heights),
        tooltip=[
            alt.Tooltip("day:N", title="On"),
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
        ],
    )
    boxes = base.mark_rect().encode(
        x=alt.X("left:Q", axis=None, scale=places),
        x2=alt.X2("right:Q"),
        y2=alt.Y2("high:Q"),
        color=alt.Color("segment:N", scale=coloured(colour_of), legend=None),
    )
    sides: list[tuple[int, Literal["left", "right"], int, str]] = [
        (0, "right", -6, "left"),
        (len(days) - 1, "left", 6, "right"),
    ]
    labels = [
        alt.Chart(bars[bars["place"] == place])
        .mark_text(align=align, dx=shift, baseline="middle", lineBreak="\n", color=colours.INK)
        .encode(
            x=alt.X(f"{edge}:Q", axis=None, scale=places),
            y=alt.Y("middle:Q", axis=None, scale=heights),
            text=alt.Text("label:N"),
        )
        for place, align, shift, edge in sides
    ]
    heads = (
        alt.Chart(bars.drop_duplicates("day"))
        .mark_text(fontWeight="bold", color=colours.INK)
        .encode(
            x=alt.X("place:Q", axis=None, scale=places),
            y=alt.YDatum(-0.04 * whole, axis=None, scale=heights),
            text=alt.Text("day:N"),
        )
    )
    chart: alt.LayerChart | alt.FacetChart = alt.layer(flows, boxes, *labels, heads).properties(
        height=MOVEMENT_HEIGHT
    )
    return chart


def _flows(
    pairs: pd.DataFrame, names: Sequence[str], days: Sequence[str], whole: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return where the bars of each day stand, and the points along the ribbons between them.

    Customers are stacked by segment, best on top; those who come later stand below.
    """
    at_start = {
        day: part.groupby("from_segment")["customers"].sum()
        for day, part in pairs.groupby("from_date")
    }
    at_end = {
        day: part.groupby("to_segment")["customers"].sum() for day, part in pairs.groupby("to_date")
    }
    bars, tops = [], {}
    for place, day in enumerate(days):
        sides = [part[day] for part in (at_start, at_end) if day in part]
        sizes = pd.concat(sides).groupby(level=0).max()
        top = 0.0
        for name in names:
            size = float(sizes.get(name, 0))
            if not size:
                continue
            tops[place, name] = top
            bars.append((place, day, name, size, top, top + size))
            top += size + GAP * whole
    drawn = pd.DataFrame(bars, columns=["place", "day", "segment", "customers", "low", "high"])
    drawn["left"], drawn["right"] = drawn["place"] - BAR / 2, drawn["place"] + BAR / 2
    # Labels of small segments move down until they have room.
    room = LABEL_ROOM / MOVEMENT_HEIGHT * max(drawn["high"].max(), whole)
    middles: list[float] = []
    for row in drawn.itertuples():
        middle = (row.low + row.high) / 2
        is_first = not row.low
        middles.append(middle if is_first else max(middle, middles[-1] + room))
    drawn["middle"] = middles
    drawn["label"] = [
        f"{name}\n{wording.whole(size)}"
        for name, size in zip(drawn["segment"], drawn["customers"], strict=True)
    ]
    order = {name: rank for rank, name in enumerate(names)}
    place_of = {day: place for place, day in enumerate(days)}
    leaving, arriving = dict(tops), dict(tops)
    points = []
    ranked = sorted(
        pairs.to_dict("records"),
        key=lambda row: (
            place_of[row["to_date"]],
            order[row["from_segment"]],
            order[row["to_segment"]],
        ),
    )
    for link, row in enumerate(ranked):
        start, end = place_of[row["from_date"]], place_of[row["to_date"]]
        size = float(row["customers"])
        one, other = leaving[start, row["from_segment"]], arriving[end, row["to_segment"]]
        leaving[start, row["from_segment"]] += size
        arriving[end, row["to_segment"]] += size
        share = size / at_start[row["from_date"]][row["from_segment"]]
        for step in STEPS:
            bent = step * step * (3 - 2 * step)
            low = one + bent * (other - one)
            points.append(
                (
                    f"{link}", row["from_segment"], row["to_segment"], size, share,
                    row["net_revenue"], start + BAR / 2 + step * (end - start - BAR), low,
                    low + size,
                )
            )  # fmt: skip
    columns = ["link", "from_segment", "to_segment", "customers", "share", "net_revenue", "x",
               "low", "high"]  # fmt: skip
    return drawn, pd.DataFrame(points, columns=columns)
