"""Charts of customers' value: observed, predicted, and the accuracy of the predictions."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, coloured, interval, rows_height

OBSERVED = "Observed: net revenue so far"
PREDICTED = "Predicted: the next 365 days"


def value_by_segment(
    amounts: pd.DataFrame, segments: Sequence[str], currency: str
) -> alt.LayerChart:
    """Draw each segment's past spend (full) above its predicted spend (outlined).

    Parameters
    ----------
    amounts : pandas.DataFrame
        `segment`, `customers`, `net_revenue`, `predicted_value_365d`.
    segments : sequence of str
        All segments, best first.
    currency : str
        Unit of the amounts.
    """
    present = [name for name in segments if name in set(amounts["segment"])]
    kinds = {"net_revenue": OBSERVED, "predicted_value_365d": PREDICTED}
    drawn = amounts.melt(
        id_vars=["segment", "customers"],
        value_vars=list(kinds),
        var_name="kind",
        value_name="amount",
    ).dropna(subset="amount")
    drawn["kind"] = drawn["kind"].map(kinds)
    drawn["each"] = drawn["amount"] / drawn["customers"]
    drawn["label"] = [
        f"{wording.short_amount(amount)} {kind.partition(':')[0].lower()}"
        for amount, kind in zip(drawn["amount"], drawn["kind"], strict=True)
    ]
    scale = coloured(colours.segment_colours(segments))
    top = float(drawn["amount"].max()) if len(drawn) else 1.0
    base = alt.Chart(drawn).encode(
        y=alt.Y("segment:N", sort=present, title=None, axis=alt.Axis(labelLimit=130)),
        yOffset=alt.YOffset("kind:N", sort=list(kinds.values())),
        x=alt.X(
            "amount:Q",
            title=currency,
            axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=5),
            scale=alt.Scale(domainMax=1.6 * max(top, 1.0), nice=False),
        ),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("kind:N", title="Amount"),
            alt.Tooltip("amount:Q", title=currency, format=",.0f"),
            alt.Tooltip("each:Q", title=f"{currency} per customer", format=",.0f"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
        ],
    )
    is_predicted = alt.datum.kind == PREDICTED
    bars = base.mark_bar(strokeWidth=1.5).encode(
        color=alt.Color("segment:N", scale=scale, legend=None),
        stroke=alt.Stroke("segment:N", scale=scale, legend=None),
        fillOpacity=alt.condition(is_predicted, alt.value(0.15), alt.value(1)),
        strokeDash=alt.condition(is_predicted, alt.value([4, 3]), alt.value([1, 0])),
    )
    texts = base.mark_text(align="left", dx=5, color=colours.INK).encode(text=alt.Text("label:N"))
    chart: alt.LayerChart = (bars + texts).properties(height=62 * len(present) + 50)
    return chart


def concentration(points: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Draw the share of revenue that the best customers bring.

    Parameters
    ----------
    points : pandas.DataFrame
        `top_percent` (1 to 100), `net_revenue_share` (0…1), `customers`.
    """
    drawn = pd.concat(
        [
            pd.DataFrame({"top_percent": [0], "net_revenue_share": [0.0], "customers": [0]}),
            points[["top_percent", "net_revenue_share", "customers"]],
        ],
        ignore_index=True,
    )
    drawn["top_share"] = drawn["top_percent"] / 100
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "top_share:Q",
            title="Customers, highest net revenue first",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[0, 1]),
        ),
        y=alt.Y(
            "net_revenue_share:Q",
            title="Share of their net revenue",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[0, max(1.0, float(drawn["net_revenue_share"].max()))]),
        ),
        tooltip=[
            alt.Tooltip("top_share:Q", title="Top", format=".0%"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("net_revenue_share:Q", title="Share of net revenue", format=".1%"),
        ],
    )
    ends = pd.DataFrame({"from": [0.0, 1.0], "to": [0.0, 1.0]})
    even = (
        alt.Chart(ends)
        .mark_line(color=colours.MUTED, strokeDash=[5, 4])
        .encode(x=alt.X("from:Q"), y=alt.Y("to:Q"))
    )
    line = base.mark_area(
        color=colours.MAIN, fillOpacity=0.15, line={"color": colours.MAIN, "strokeWidth": 2.5}
    )
    marked = base.transform_filter("indexof([1, 10, 20, 50], datum.top_percent) >= 0")
    dots = marked.mark_point(color=colours.ACCENT, filled=True, size=90, opacity=1)
    texts = (
        marked.transform_calculate(
            label="'top ' + datum.top_percent + ' %: ' + format(datum.net_revenue_share, '.0%')"
        )
        .mark_text(align="left", dx=9, dy=9, color=colours.INK)
        .encode(text=alt.Text("label:N"))
    )
    return alt.layer(even, line, dots, texts).properties(height=360)


def tracking(weeks: pd.DataFrame) -> alt.LayerChart:
    """Draw cumulative purchase days by week, predicted (dashed) and observed.

    Parameters
    ----------
    weeks : pandas.DataFrame
        `week`, `predicted_purchase_days`, `actual_purchase_days`, cumulative.
    """
    names = {
        "actual_purchase_days": ("Observed", colours.ACCENT),
        "predicted_purchase_days": ("Predicted", colours.MAIN),
    }
    drawn = weeks.melt(
        id_vars="week", value_vars=list(names), var_name="kind", value_name="purchase_days"
    ).dropna()
    drawn["kind"] = drawn["kind"].map({key: label for key, (label, _) in names.items()})
    chart: alt.LayerChart = (
        alt.Chart(drawn)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45))
        .encode(
            x=alt.X(
                "week:Q",
                title="Weeks after the test date",
                axis=alt.Axis(format="d", tickMinStep=1),
                scale=alt.Scale(nice=False),
            ),
            y=alt.Y(
                "purchase_days:Q", title="Purchase days since then", axis=alt.Axis(format="~s")
            ),
            color=alt.Color(
                "kind:N",
                scale=coloured(dict(names.values())),
                legend=alt.Legend(
                    title=None, orient="top", symbolType="stroke", symbolStrokeWidth=4
                ),
            ),
            strokeDash=alt.StrokeDash(
                "kind:N",
                scale=alt.Scale(domain=["Observed", "Predicted"], range=[[1, 0], [5, 4]]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("week:Q", title="Week"),
                alt.Tooltip("kind:N", title="Kind"),
                alt.Tooltip("purchase_days:Q", title="Purchase days", format=",.0f"),
            ],
        )
        .properties(height=300)
    )
    return chart


def forecast_totals(forecasts: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Draw each forecast's total as a share of the actual total, with its interval.

    Parameters
    ----------
    forecasts : pandas.DataFrame
        `forecast`, `value`, `ci_low`, `ci_high`: 1 is right.
    """
    names = forecasts["forecast"].tolist()
    base = alt.Chart(forecasts).encode(
        y=alt.Y("forecast:N", sort=names, title=None, axis=alt.Axis(labelLimit=170)),
        tooltip=[
            alt.Tooltip("forecast:N", title="Forecast"),
            alt.Tooltip("value:Q", title="Predicted ÷ actual", format=".0%"),
            *interval("ci_low", "ci_high", ".0%"),
        ],
    )
    right = (
        alt.Chart(pd.DataFrame({"right": [1.0]}))
        .mark_rule(color=colours.ACCENT, strokeWidth=2, strokeDash=[5, 4])
        .encode(x=alt.X("right:Q"))
    )
    ranges = base.mark_rule(color=colours.MAIN, strokeWidth=3).encode(
        x=alt.X(
            "ci_low:Q",
            title="Predicted ÷ actual",
            axis=alt.Axis(format=".0%", tickCount=5),
            scale=alt.Scale(zero=False, padding=20),
        ),
        x2=alt.X2("ci_high:Q"),
    )
    dots = base.mark_point(color=colours.MAIN, filled=True, size=110, opacity=1).encode(
        x=alt.X("value:Q")
    )
    return alt.layer(right, ranges, dots).properties(height=rows_height(names))
