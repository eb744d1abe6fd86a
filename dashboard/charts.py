"""The charts, as functions of frames: no data is read and nothing is shown here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd
import wording

# Values on log-like axes of days and money; the axes show those that fit.
DAY_TICKS = [0, 1, 3, 7, 14, 30, 60, 120, 240, 365, 730, 1460]
SHORT_MONEY = "replace(format(datum.value, '~s'), 'G', 'bn')"


def _scale(colours: dict[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def monthly_revenue(months: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Stack net revenue by month; a month that is not over is pale and says so.

    Parameters
    ----------
    months : pandas.DataFrame
        `month_start_date`, `is_partial`, `net_revenue` and its three parts.
    currency : str
        Unit of the amounts.
    """
    parts = wording.REVENUE_PARTS
    wide = months.assign(month=months["month_start_date"].dt.strftime("%b %Y"))
    long = wide.melt(
        id_vars=["month", "is_partial", "net_revenue"],
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
    amount = alt.Y(
        "amount:Q",
        title=f"Net revenue ({currency})",
        axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=6),
        scale=alt.Scale(nice=False),
    )
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=x,
            y=amount,
            color=alt.Color(
                "part:N",
                scale=_scale(dict(parts.values())),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order=alt.Order("rank:Q"),
            opacity=alt.condition("datum.is_partial", alt.value(0.45), alt.value(1)),
            tooltip=[
                alt.Tooltip("month:N", title="Month"),
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("amount:Q", title=currency, format=",.0f"),
                alt.Tooltip("net_revenue:Q", title=f"Whole month, {currency}", format=",.0f"),
            ],
        )
    )
    partial = (
        alt.Chart(wide[wide["is_partial"]])
        .mark_text(dy=-8, color=wording.INK, fontStyle="italic")
        .encode(x=x, y=alt.Y("net_revenue:Q"), text=alt.value("partial"))
    )
    return (bars + partial).properties(height=320)


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
    labels = {"customer_share": "of customers", "net_revenue_share": "of net revenue"}
    long["measure"] = long["measure"].map(labels)
    long["label"] = [
        f"{wording.percent(share, 0)} {measure}"
        for share, measure in zip(long["share"], long["measure"], strict=True)
    ]
    colours = {
        name: colour if not highlighted or name in highlighted else "#D9DDE2"
        for name, colour in wording.segment_colours(names).items()
    }
    base = alt.Chart(long).encode(
        y=alt.Y("segment:N", sort=names, title=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("measure:N", sort=list(labels.values())),
        x=alt.X(
            "share:Q",
            title="Share of all customers and of their net revenue",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domainMax=min(1.15, 0.15 + float(long["share"].max()))),
        ),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("measure:N", title="Share"),
            alt.Tooltip("share:Q", title="Value", format=".1%"),
        ],
    )
    bars = base.mark_bar(strokeWidth=1.5).encode(
        color=alt.Color("segment:N", scale=_scale(colours), legend=None),
        stroke=alt.Stroke("segment:N", scale=_scale(colours), legend=None),
        fillOpacity=alt.condition(
            alt.datum.measure == labels["customer_share"], alt.value(0.25), alt.value(1)
        ),
    )
    texts = base.mark_text(align="left", dx=5, color=wording.INK).encode(text="label:N")
    return (bars + texts).properties(height=62 * len(names) + 50)


def histogram(
    counts: pd.DataFrame, labels: dict[float, str], segments: Sequence[str], title: str
) -> alt.Chart:
    """Stack the customers of each segment over the bins of a measure.

    Parameters
    ----------
    counts : pandas.DataFrame
        `segment`, `lower_edge`, `customers`.
    labels : dict of float to str
        What to call the bin that begins at each edge; every bin is drawn, empty or not.
    segments : sequence of str
        All segments, best first.
    title : str
        The measure with its unit.
    """
    drawn = counts.assign(
        bin=counts["lower_edge"].map(labels),
        rank=counts["segment"].map({name: rank for rank, name in enumerate(segments)}),
    ).drop(columns="lower_edge")
    return (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=alt.X(
                "bin:N",
                sort=list(labels.values()),
                scale=alt.Scale(domain=list(labels.values())),
                title=title,
                axis=alt.Axis(labelAngle=-45, labelOverlap=True),
            ),
            y=alt.Y("customers:Q", title="Customers", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "segment:N", scale=_scale(wording.segment_colours(segments)), legend=None
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


def spread(
    quantiles: pd.DataFrame,
    segments: Sequence[str],
    title: str,
    *,
    log: bool = False,
    share: bool = False,
) -> alt.LayerChart:
    """Draw a measure's middle half (bar), 5–95 % range (line) and median by segment.

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
        top = max(10 * bottom, 1.15 * float(drawn["high"].max()))
        axis = alt.Axis(labelExpr=SHORT_MONEY, values=_log_ticks(bottom, top))
        scale = alt.Scale(type="log", domain=[bottom, top], nice=False)
    else:
        axis = alt.Axis(format=".0%") if share else alt.Axis(tickCount=5)
        scale = alt.Scale(domain=[0, 1]) if share else alt.Scale()
    base = alt.Chart(drawn).encode(
        y=alt.Y("segment:N", sort=present, title=None, axis=alt.Axis(labelLimit=200)),
        color=alt.Color("segment:N", scale=_scale(wording.segment_colours(segments)), legend=None),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("low:Q", title="5 % are below", format=value_format),
            alt.Tooltip("lower_quarter:Q", title="A quarter is below", format=value_format),
            alt.Tooltip("median:Q", title="Median", format=value_format),
            alt.Tooltip("upper_quarter:Q", title="A quarter is above", format=value_format),
            alt.Tooltip("high:Q", title="5 % are above", format=value_format),
            alt.Tooltip("mean:Q", title="Mean", format=value_format),
        ],
    )
    ranges = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q"
    )
    halves = base.mark_bar(size=16).encode(x=alt.X("lower_quarter:Q"), x2="upper_quarter:Q")
    medians = base.mark_point(size=55, opacity=1, strokeWidth=1.5, filled=True).encode(
        x=alt.X("median:Q"), color=alt.value("#FFFFFF"), stroke=alt.value("#262626")
    )
    return (ranges + halves + medians).properties(height=_rows_height(present))


def _rows_height(rows: Sequence[str]) -> int:
    return 36 * max(len(rows), 1) + 70


def _log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10 … on a short log axis, 1, 10, 100 … on a long one."""
    digits = (1, 2, 5) if high / low <= 300 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


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
        alt.Axis(labelExpr=SHORT_MONEY, values=_log_ticks(low, high)),
    )


def cluster_points(customers: pd.DataFrame, clusters: Sequence[str], currency: str) -> alt.Chart:
    """Draw one point for each customer: days since last order against net revenue.

    Parameters
    ----------
    customers : pandas.DataFrame
        `customer_id`, `cluster_name`, `segment`, `days_since_last_order`, `orders`,
        `net_revenue` (above 0).
    clusters : sequence of str
        All clusters, best first.
    currency : str
        Unit of net revenue.
    """
    days, day_axis, money, money_axis = _log_axes(
        customers["days_since_last_order"], customers["net_revenue"]
    )
    return (
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
                alt.Tooltip("orders:Q", title="Orders"),
                alt.Tooltip("net_revenue:Q", title=f"Net revenue, {currency}", format=",.0f"),
            ],
        )
        .properties(height=520)
    )


def cluster_cells(cells: pd.DataFrame, clusters: Sequence[str], currency: str) -> alt.Chart:
    """Draw a 2-D histogram: the colour is the commonest cluster, the depth the customers.

    Parameters
    ----------
    cells : pandas.DataFrame
        `days_from`, `days_to`, `spend_from`, `spend_to`, `customers`, `cluster_name`.
    clusters : sequence of str
        All clusters, best first.
    currency : str
        Unit of the amounts.
    """
    days, day_axis, money, money_axis = _log_axes(
        cells["days_to"], pd.concat([cells["spend_from"], cells["spend_to"]])
    )
    return (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            x=alt.X(
                "days_from:Q",
                title="Days since last order (log scale)",
                scale=days,
                axis=day_axis,
            ),
            x2="days_to:Q",
            y=alt.Y(
                "spend_from:Q",
                title=f"Net revenue, {currency} (log scale)",
                scale=money,
                axis=money_axis,
            ),
            y2="spend_to:Q",
            color=_cluster_colour(clusters),
            opacity=alt.Opacity(
                "customers:Q", scale=alt.Scale(type="sqrt", range=[0.15, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("cluster_name:N", title="Commonest cluster"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip("days_from:Q", title="Days since last order, from", format=",.1f"),
                alt.Tooltip("days_to:Q", title="to", format=",.1f"),
                alt.Tooltip("spend_from:Q", title=f"Net revenue, {currency}, from", format=",.0f"),
                alt.Tooltip("spend_to:Q", title="to", format=",.0f"),
            ],
        )
        .properties(height=520)
    )


def _cluster_colour(clusters: Sequence[str]) -> alt.Color:
    return alt.Color(
        "cluster_name:N",
        scale=_scale(wording.cluster_colours(clusters)),
        legend=alt.Legend(
            title=None, orient="top", labelLimit=320, columns=1, symbolOpacity=1, symbolSize=90
        ),
    )


def cluster_choice(measures: pd.DataFrame, measure: str, title: str) -> alt.LayerChart:
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
    drawn = measures[["k", "is_chosen", measure]].rename(columns={measure: "value"})
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
    line = base.mark_line(color=wording.MAIN, point=alt.OverlayMarkDef(color=wording.MAIN, size=50))
    chosen = base.transform_filter("datum.is_chosen")
    dot = chosen.mark_point(color=wording.ACCENT, filled=True, size=170, opacity=1)
    name = (
        chosen.transform_calculate(label="'k = ' + datum.k + ' chosen'")
        .mark_text(align="left", dx=10, dy=-12, color=wording.ACCENT, fontWeight="bold")
        .encode(text="label:N")
    )
    return (line + dot + name).properties(height=260)


def roc(points: pd.DataFrame, areas: dict[str, float], emphasised: str) -> alt.LayerChart:
    """Draw the ROC curve of each model, named with its area.

    Parameters
    ----------
    points : pandas.DataFrame
        `model`, `point`, `threshold`, `false_positive_rate`, `true_positive_rate`.
    areas : dict of str to float
        ROC AUC of each model; the legend lists them from high to low.
    emphasised : str
        The model whose line is thick.
    """
    ranked = sorted(areas, key=lambda model: -areas[model])
    colours = wording.model_colours(ranked)
    labels = {model: f"{areas[model]:.3f}  {wording.model_label(model)}" for model in ranked}
    named = {labels[model]: colours[wording.model_label(model)] for model in ranked}
    drawn = points[points["model"].isin(ranked)]
    drawn = drawn.assign(label=drawn["model"].map(labels))
    lines = (
        alt.Chart(drawn)
        .mark_line()
        .encode(
            x=_whole_share(alt.X, "false_positive_rate", "Stayers taken for leavers"),
            y=_whole_share(alt.Y, "true_positive_rate", "Leavers found"),
            order="point:Q",
            color=alt.Color(
                "label:N",
                sort=list(named),
                scale=_scale(named),
                legend=alt.Legend(
                    title="ROC AUC and model",
                    orient="bottom-right",
                    labelLimit=300,
                    symbolStrokeWidth=4,
                    fillColor="#FFFFFF",
                    padding=6,
                ),
            ),
            strokeWidth=alt.condition(
                alt.datum.model == emphasised, alt.value(3.5), alt.value(1.5)
            ),
            tooltip=[
                alt.Tooltip("label:N", title="Model"),
                alt.Tooltip("threshold:Q", title="From probability", format=".3f"),
                alt.Tooltip("false_positive_rate:Q", title="Stayers taken", format=".1%"),
                alt.Tooltip("true_positive_rate:Q", title="Leavers found", format=".1%"),
            ],
        )
    )
    return (_diagonal() + lines).properties(height=430)


def _whole_share(channel: type[alt.X] | type[alt.Y], field: str, title: str) -> alt.X | alt.Y:
    """Return an axis from 0 to 100 %, so that the diagonal means the same on both."""
    return channel(
        f"{field}:Q",
        title=title,
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(domain=[0, 1]),
    )


def _diagonal() -> alt.Chart:
    ends = pd.DataFrame({"from": [0.0, 1.0], "to": [0.0, 1.0]})
    return (
        alt.Chart(ends)
        .mark_line(color=wording.MUTED, strokeDash=[5, 4])
        .encode(x=alt.X("from:Q"), y=alt.Y("to:Q"))
    )


def calibration(bins: pd.DataFrame, colour: str) -> alt.LayerChart:
    """Draw the observed churn of groups of customers over the churn predicted for them.

    Parameters
    ----------
    bins : pandas.DataFrame
        `probability_bin`, `customers`, `mean_churn_probability`, `churn_rate`.
    colour : str
        Colour of the model.
    """
    base = alt.Chart(bins).encode(
        x=_whole_share(alt.X, "mean_churn_probability", "Predicted: mean probability of the group"),
        y=_whole_share(alt.Y, "churn_rate", "Observed: share that did not come back"),
        tooltip=[
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("mean_churn_probability:Q", title="Predicted", format=".1%"),
            alt.Tooltip("churn_rate:Q", title="Observed", format=".1%"),
        ],
    )
    line = base.mark_line(color=colour, opacity=0.5).encode(order="probability_bin:Q")
    dots = base.mark_circle(color=colour, size=110, opacity=1)
    return (_diagonal() + line + dots).properties(height=430)


def importance(groups: pd.DataFrame) -> alt.LayerChart:
    """Draw what the ROC AUC loses when a group of features is permuted, with its range.

    Parameters
    ----------
    groups : pandas.DataFrame
        `feature_group`, `mean_auc_loss`, `lowest_auc_loss`, `highest_auc_loss`, largest first.
    """
    base = alt.Chart(groups).encode(
        y=alt.Y(
            "feature_group:N",
            title=None,
            sort=groups["feature_group"].tolist(),
            axis=alt.Axis(labelLimit=220),
        ),
        tooltip=[
            alt.Tooltip("feature_group:N", title="Features"),
            alt.Tooltip("mean_auc_loss:Q", title="AUC lost", format=".3f"),
            alt.Tooltip("lowest_auc_loss:Q", title="Lowest", format=".3f"),
            alt.Tooltip("highest_auc_loss:Q", title="Highest", format=".3f"),
        ],
    )
    bars = base.mark_bar(color=wording.MAIN).encode(
        x=alt.X("mean_auc_loss:Q", title="ROC AUC lost when permuted")
    )
    ranges = base.mark_rule(color=wording.INK, strokeWidth=2).encode(
        x=alt.X("lowest_auc_loss:Q"), x2="highest_auc_loss:Q"
    )
    return (bars + ranges).properties(height=_rows_height(groups["feature_group"].tolist()))


def confusion(matrix: pd.Series) -> alt.LayerChart:
    """Draw a confusion matrix: counts, and shares of those who really left or stayed.

    Parameters
    ----------
    matrix : pandas.Series
        `true_positives`, `false_negatives`, `false_positives`, `true_negatives`.
    """
    told = ("Predicted to leave", "Predicted to stay")
    cells = pd.DataFrame(
        [
            ("Left", told[0], matrix["true_positives"]),
            ("Left", told[1], matrix["false_negatives"]),
            ("Stayed", told[0], matrix["false_positives"]),
            ("Stayed", told[1], matrix["true_negatives"]),
        ],
        columns=["actual", "told", "customers"],
    )
    totals = cells.groupby("actual")["customers"].transform("sum")
    cells["share"] = cells["customers"] / totals.where(totals > 0, math.nan)
    cells["label"] = [wording.whole(count) for count in cells["customers"]]
    cells["share_label"] = [
        "" if pd.isna(share) else f"{wording.percent(share, 0)} of those who {actual.lower()}"
        for share, actual in zip(cells["share"], cells["actual"], strict=True)
    ]
    base = alt.Chart(cells).encode(
        x=alt.X(
            "told:N",
            sort=list(told),
            title=None,
            axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "actual:N",
            sort=["Left", "Stayed"],
            title=None,
            axis=alt.Axis(domain=False, ticks=False),
        ),
        tooltip=[
            alt.Tooltip("actual:N", title="What they did"),
            alt.Tooltip("told:N", title="What the model said"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("share:Q", title="Share of the row", format=".1%"),
        ],
    )
    boxes = base.mark_rect(stroke="white", strokeWidth=3).encode(
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], range=["#F1F5F9", wording.MAIN]),
            legend=None,
        )
    )
    ink = alt.condition("datum.share > 0.7", alt.value("white"), alt.value("#262626"))
    counts = base.mark_text(fontSize=22, fontWeight="bold", dy=-9).encode(text="label:N", color=ink)
    shares = base.mark_text(fontSize=12, dy=15).encode(text="share_label:N", color=ink)
    return (boxes + counts + shares).properties(height=260)


def value_at_risk(amounts: pd.DataFrame, segments: Sequence[str], currency: str) -> alt.Chart:
    """Stack the value at risk of each segment by band of predicted risk.

    Parameters
    ----------
    amounts : pandas.DataFrame
        `segment`, `churn_risk`, `customers`, `value_at_risk`.
    segments : sequence of str
        All segments, best first.
    currency : str
        Unit of the amounts.
    """
    depths = {"high": "#0B3C5D", "medium": "#3F83B5", "low": "#B5D3E7"}
    present = [name for name in segments if name in set(amounts["segment"])]
    drawn = amounts.assign(
        rank=amounts["churn_risk"].map({risk: rank for rank, risk in enumerate(depths)})
    )
    return (
        alt.Chart(drawn)
        .mark_bar(size=16)
        .encode(
            y=alt.Y("segment:N", sort=present, title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X(
                "value_at_risk:Q",
                title=f"Value at risk ({currency})",
                axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=5),
            ),
            color=alt.Color(
                "churn_risk:N",
                scale=_scale(depths),
                legend=alt.Legend(title="Risk", orient="right"),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("segment:N", title="Segment"),
                alt.Tooltip("churn_risk:N", title="Risk"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip("value_at_risk:Q", title=currency, format=",.0f"),
            ],
        )
        .properties(height=_rows_height(present))
    )
