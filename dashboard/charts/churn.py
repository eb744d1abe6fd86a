"""Charts of churn: value at risk, and the quality of the models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import altair as alt
import colours
import pandas as pd
import wording

from charts import LINES, SHORT_MONEY, coloured, heat_map, in_lines, interval, rows_height

Axis = TypeVar("Axis", alt.X, alt.Y)
CURVE_HEIGHT = 380


def roc(points: pd.DataFrame, chosen: str) -> alt.LayerChart | alt.FacetChart:
    """Draw the ROC curve of each model, the chosen one in colour.

    Parameters
    ----------
    points : pandas.DataFrame
        `model`, `point`, `threshold`, `false_positive_rate`, `true_positive_rate`.
    chosen : str
        The model in colour.
    """
    curves = _curves(
        points,
        chosen,
        ("false_positive_rate", "False positive rate"),
        ("true_positive_rate", "True positive rate"),
    )
    chart: alt.LayerChart | alt.FacetChart = (_diagonal() + curves).properties(height=CURVE_HEIGHT)
    return chart


def precision_recall(
    points: pd.DataFrame, chosen: str, churn_rate: float
) -> alt.LayerChart | alt.FacetChart:
    """Draw precision against recall of each model, the chosen one in colour.

    Parameters
    ----------
    points : pandas.DataFrame
        `model`, `point`, `threshold`, `true_positive_rate`, `precision_rate`.
    chosen : str
        The model in colour.
    churn_rate : float
        The precision of a random choice.
    """
    curves = _curves(
        points.dropna(subset="precision_rate"),
        chosen,
        ("true_positive_rate", "Recall"),
        ("precision_rate", "Precision"),
    )
    chance = (
        alt.Chart(pd.DataFrame({"rate": [churn_rate]}))
        .mark_rule(color=colours.MUTED, strokeDash=[5, 4])
        .encode(y=alt.Y("rate:Q"))
    )
    chart: alt.LayerChart | alt.FacetChart = (chance + curves).properties(height=CURVE_HEIGHT)
    return chart


def _curves(
    points: pd.DataFrame, chosen: str, across: tuple[str, str], upward: tuple[str, str]
) -> alt.LayerChart | alt.FacetChart:
    """Draw a curve for each model: the chosen one in colour, the others and baselines grey."""
    name = wording.model_label(chosen)
    kinds = {
        model: name
        if model == chosen
        else "Simple rules"
        if wording.is_baseline(model)
        else "Other models"
        for model in points["model"].drop_duplicates()
    }
    drawn = points.assign(
        kind=points["model"].map(kinds), label=points["model"].map(wording.model_label)
    )
    looks = {
        kind: look
        for kind, look in {
            name: (colours.MAIN, [1, 0]),
            "Other models": (colours.MUTED, [1, 0]),
            "Simple rules": (colours.MUTED, [4, 3]),
        }.items()
        if kind in set(drawn["kind"])
    }
    legend = alt.Legend(
        title=None,
        orient="bottom-right",
        columns=1,
        symbolType="stroke",
        symbolStrokeWidth=3,
        labelLimit=200,
    )
    (x, x_title), (y, y_title) = across, upward
    base = alt.Chart(drawn).encode(
        x=_whole_share(alt.X, x, x_title),
        y=_whole_share(alt.Y, y, y_title),
        order=alt.Order("point:Q"),
        detail="model:N",
        color=alt.Color(
            "kind:N",
            scale=coloured({kind: colour for kind, (colour, _) in looks.items()}),
            legend=legend,
        ),
        strokeDash=alt.StrokeDash(
            "kind:N",
            scale=alt.Scale(domain=list(looks), range=[dash for _, dash in looks.values()]),
            legend=legend,
        ),
        tooltip=[
            alt.Tooltip("label:N", title="Model"),
            alt.Tooltip("threshold:Q", title="From probability", format=".3f"),
            alt.Tooltip(f"{x}:Q", title=x_title, format=".1%"),
            alt.Tooltip(f"{y}:Q", title=y_title, format=".1%"),
        ],
    )
    others = base.transform_filter(alt.datum.model != chosen).mark_line(strokeWidth=1.5)
    own = base.transform_filter(alt.datum.model == chosen).mark_line(strokeWidth=3.5)
    chart: alt.LayerChart | alt.FacetChart = alt.layer(others, own)
    return chart


def _whole_share(channel: type[Axis], field: str, title: str) -> Axis:
    """Return an axis from 0 to 100 %, so that both axes share a scale."""
    return channel(
        f"{field}:Q",
        title=title,
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(domain=[0, 1]),
    )


def _diagonal() -> alt.Chart:
    ends = pd.DataFrame({"from": [0.0, 1.0], "to": [0.0, 1.0]})
    chart: alt.Chart = (
        alt.Chart(ends)
        .mark_line(color=colours.MUTED, strokeDash=[5, 4])
        .encode(x=alt.X("from:Q"), y=alt.Y("to:Q"))
    )
    return chart


def calibration(bins: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Draw observed churn against predicted churn by decile of the predicted probability.

    Parameters
    ----------
    bins : pandas.DataFrame
        `score_decile`, `customers`, `mean_churn_probability`, `churn_rate`, and `low` and `high`,
        its interval.
    """
    base = alt.Chart(bins).encode(
        x=_whole_share(alt.X, "mean_churn_probability", "Predicted probability"),
        y=_whole_share(alt.Y, "churn_rate", "Observed churn rate"),
        tooltip=[
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("mean_churn_probability:Q", title="Predicted", format=".1%"),
            alt.Tooltip("churn_rate:Q", title="Observed", format=".1%"),
            *interval("low", "high"),
        ],
    )
    line = base.mark_line(color=colours.MAIN, opacity=0.5).encode(
        order=alt.Order("score_decile:Q", sort="descending")
    )
    ranges = base.mark_rule(color=colours.MAIN, strokeWidth=2).encode(
        y=_whole_share(alt.Y, "low", "Observed churn rate"), y2=alt.Y2("high:Q")
    )
    dots = base.mark_circle(color=colours.MAIN, size=90, opacity=1)
    chart: alt.LayerChart | alt.FacetChart = (_diagonal() + line + ranges + dots).properties(
        height=CURVE_HEIGHT
    )
    return chart


def importance(groups: pd.DataFrame) -> alt.LayerChart:
    """Draw the permutation importance of each group of features, with its range.

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
    bars = base.mark_bar(color=colours.MAIN).encode(
        x=alt.X("mean_auc_loss:Q", title="ROC AUC lost")
    )
    ranges = base.mark_rule(color=colours.INK, strokeWidth=2).encode(
        x=alt.X("lowest_auc_loss:Q"), x2=alt.X2("highest_auc_loss:Q")
    )
    chart: alt.LayerChart = (bars + ranges).properties(
        height=rows_height(groups["feature_group"].tolist())
    )
    return chart


def confusion(matrix: pd.Series) -> alt.LayerChart | alt.FacetChart:
    """Draw a confusion matrix: counts, and shares of the customers who churned or stayed.

    Parameters
    ----------
    matrix : pandas.Series
        `true_positives`, `false_negatives`, `false_positives`, `true_negatives`.
    """
    told = ("To churn", "To stay")
    cells = pd.DataFrame(
        [
            ("Churned", told[0], matrix["true_positives"]),
            ("Churned", told[1], matrix["false_negatives"]),
            ("Stayed", told[0], matrix["false_positives"]),
            ("Stayed", told[1], matrix["true_negatives"]),
        ],
        columns=["actual", "told", "customers"],
    )
    totals = cells.groupby("actual")["customers"].transform("sum")
    cells["share"] = cells["customers"] / totals.where(totals > 0, math.nan)
    cells["label"] = [wording.whole(count) for count in cells["customers"]]
    cells["share_label"] = [
        "" if pd.isna(share) else f"{wording.percent(share, 0)} of the row"
        for share in cells["share"]
    ]
    base = alt.Chart(cells).encode(
        x=alt.X(
            "told:N",
            sort=list(told),
            title="Predicted",
            axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "actual:N",
            sort=["Churned", "Stayed"],
            title="What they did",
            axis=alt.Axis(domain=False, ticks=False),
        ),
        tooltip=[
            alt.Tooltip("actual:N", title="Actual"),
            alt.Tooltip("told:N", title="Predicted"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("share:Q", title="Share of the row", format=".1%"),
        ],
    )
    boxes = base.mark_rect(stroke=colours.PAGE, strokeWidth=3).encode(
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], range=[colours.HEAT_LOW, colours.HEAT_HIGH]),
            legend=None,
        )
    )
    ink = alt.condition(
        "datum.share > 0.7", alt.value(colours.ON_HEAT), alt.value(colours.STRONG_INK)
    )
    counts = base.mark_text(fontSize=22, fontWeight="bold", dy=-9).encode(
        text=alt.Text("label:N"), color=ink
    )
    shares = base.mark_text(fontSize=12, dy=15).encode(text=alt.Text("share_label:N"), color=ink)
    return alt.layer(boxes, counts, shares).properties(height=260)


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
    depths = colours.RISK_COLOURS
    present = [name for name in segments if name in set(amounts["segment"])]
    drawn = amounts.assign(
        rank=amounts["churn_risk"].map({risk: rank for rank, risk in enumerate(depths)})
    )
    chart: alt.Chart = (
        alt.Chart(drawn)
        .mark_bar(size=16)
        .encode(
            y=alt.Y("segment:N", sort=present, title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X(
                "value_at_risk:Q",
                title=f"Value at risk ({currency})",
                axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=4),
            ),
            color=alt.Color(
                "churn_risk:N",
                scale=coloured(depths),
                legend=alt.Legend(title="Predicted risk", orient="top"),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("segment:N", title="Segment"),
                alt.Tooltip("churn_risk:N", title="Risk"),
                alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
                alt.Tooltip("value_at_risk:Q", title=currency, format=",.0f"),
            ],
        )
        .properties(height=rows_height(present) + 50)
    )
    return chart


def gains(points: pd.DataFrame, chosen: str) -> alt.LayerChart | alt.FacetChart:
    """Draw the gains curve: churners reached among the customers with the highest probability.

    Parameters
    ----------
    points : pandas.DataFrame
        `model`, `contacted_share`, `captured_churner_share`, from the highest probability down.
    chosen : str
        The model in colour.
    """
    models = points["model"].drop_duplicates().tolist()
    starts = pd.DataFrame({"model": models, "contacted_share": 0.0, "captured_churner_share": 0.0})
    drawn = pd.concat([starts, points], ignore_index=True)
    drawn["point"] = drawn["contacted_share"]
    drawn["threshold"] = math.nan
    curves = _curves(
        drawn,
        chosen,
        ("contacted_share", "Customers contacted"),
        ("captured_churner_share", "Churners reached"),
    )
    chart: alt.LayerChart | alt.FacetChart = (_diagonal() + curves).properties(height=CURVE_HEIGHT)
    return chart


def origins(days: pd.DataFrame, chosen: str) -> alt.LayerChart | alt.FacetChart:
    """Draw how well each model ranked on every day that it predicted, the chosen one in colour.

    Parameters
    ----------
    days : pandas.DataFrame
        `model`, `cutoff_date`, `customers`, `roc_auc`.
    chosen : str
        The model in colour.
    """
    drawn = days.assign(
        label=days["model"].map(wording.model_label),
        day=days["cutoff_date"].dt.strftime("%Y-%m-%d"),
    )
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "day:O",
            title="First day of the window",
            axis=alt.Axis(labelAngle=0, labelOverlap=True),
        ),
        y=alt.Y("roc_auc:Q", title="ROC AUC", scale=alt.Scale(zero=False)),
        detail="model:N",
        tooltip=[
            alt.Tooltip("label:N", title="Model"),
            alt.Tooltip("day:O", title="From"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("roc_auc:Q", title="ROC AUC", format=".3f"),
        ],
    )
    others = base.transform_filter(alt.datum.model != chosen).mark_line(
        point=alt.OverlayMarkDef(color=colours.MUTED), color=colours.MUTED
    )
    own = base.transform_filter(alt.datum.model == chosen).mark_line(
        point=alt.OverlayMarkDef(color=colours.MAIN, size=80), color=colours.MAIN, strokeWidth=3
    )
    chart: alt.LayerChart | alt.FacetChart = (others + own).properties(height=280)
    return chart


def drivers(groups: pd.DataFrame) -> alt.LayerChart:
    """Draw the churn rate by quartile of each feature.

    Parameters
    ----------
    groups : pandas.DataFrame
        `feature_label`, `feature_quarter` (1 the lowest values), `lowest_value`,
        `highest_value`, `customers`, `churn_rate`, `feature_auc`; strongest feature first.
    """
    labels = [in_lines(label) for label in groups["feature_label"].drop_duplicates()]
    drawn = groups.assign(
        feature=groups["feature_label"].map(in_lines),
        label=[wording.percent(rate, 0) for rate in groups["churn_rate"]],
        quarter=groups["feature_quarter"].map({1: "lowest", 2: "2nd", 3: "3rd", 4: "highest"}),
    )
    return heat_map(
        drawn,
        alt.X(
            "quarter:N",
            sort=["lowest", "2nd", "3rd", "highest"],
            title="Quarter of customers, by the trait",
            axis=alt.Axis(labelAngle=0, orient="top"),
        ),
        alt.Y("feature:N", sort=labels, title=None, axis=alt.Axis(labelExpr=LINES, labelLimit=200)),
        "churn_rate",
        "label",
        [
            alt.Tooltip("feature_label:N", title="Feature"),
            alt.Tooltip("lowest_value:Q", title="Values from", format=",.2~f"),
            alt.Tooltip("highest_value:Q", title="to", format=",.2~f"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("churn_rate:Q", title="Churn rate", format=".1%"),
            alt.Tooltip("feature_auc:Q", title="AUC on its own", format=".2f"),
        ],
        rows=len(labels) + 1,
        row_height=42,
    )


def history(months: pd.DataFrame) -> alt.LayerChart:
    """Draw predicted beside observed churn at each cutoff with a known outcome.

    Parameters
    ----------
    months : pandas.DataFrame
        `cutoff_date`, `mean_churn_probability`, `observed_churn_rate`.
    """
    names = {
        "mean_churn_probability": ("Predicted", colours.MAIN),
        "observed_churn_rate": ("Observed", colours.ACCENT),
    }
    drawn = months.melt(
        id_vars="cutoff_date", value_vars=list(names), var_name="kind", value_name="rate"
    ).dropna()
    drawn["kind"] = drawn["kind"].map({key: label for key, (label, _) in names.items()})
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "cutoff_date:T",
            title="First day of the window",
            axis=alt.Axis(format="%b %Y", labelOverlap=True, tickCount=5),
        ),
        y=alt.Y(
            "rate:Q",
            title="Churn rate",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(zero=False, nice=True),
        ),
        color=alt.Color(
            "kind:N",
            scale=coloured(dict(names.values())),
            legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=4),
        ),
        strokeDash=alt.StrokeDash(
            "kind:N",
            scale=alt.Scale(domain=["Predicted", "Observed"], range=[[5, 4], [1, 0]]),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("cutoff_date:T", title="From", format="%Y-%m-%d"),
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("rate:Q", title="Share", format=".1%"),
        ],
    )
    chart: alt.LayerChart = (base.mark_line() + base.mark_point(filled=True, size=60)).properties(
        height=280
    )
    return chart
