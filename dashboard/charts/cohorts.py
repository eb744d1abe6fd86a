"""Charts of cohorts: customers by the month of their first order."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd
import wording

from charts import heat_map, interval, rows_height

AGE_COLOURS = ("#56B4E9", "#0072B2", "#E69F00", "#D55E00")


def cohort_grid(
    cohorts: pd.DataFrame, measure: str, title: str, value_format: str
) -> alt.LayerChart:
    """Draw a measure of each cohort over the months since its first order.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        `cohort` (its name), `months`, `customers`, the measure, and `label`, the text of the
        cell; cells that are not over hold nothing.
    measure : str
        Name of the column.
    title : str
        The measure in words.
    value_format : str
        How the tooltip writes it.
    """
    # Rows and columns of which nothing is known yet are left out.
    cohorts = cohorts.dropna(subset=measure)
    names = cohorts["cohort"].drop_duplicates().tolist()
    later = cohorts.loc[cohorts["months"] > 0, measure].dropna()
    return heat_map(
        cohorts,
        alt.X(
            "months:O",
            title="Months since the month of the first order",
            scale=alt.Scale(domain=sorted(cohorts["months"].unique().tolist())),
            axis=alt.Axis(labelAngle=0, orient="top"),
        ),
        alt.Y("cohort:N", scale=alt.Scale(domain=names), title=None, axis=alt.Axis(labelLimit=110)),
        measure,
        "label",
        [
            alt.Tooltip("cohort:N", title="First order in"),
            alt.Tooltip("months:O", title="Months since then"),
            alt.Tooltip("customers:Q", title="Customers of the cohort", format=",.0f"),
            alt.Tooltip(f"{measure}:Q", title=title, format=value_format),
        ],
        rows=len(names),
        row_height=30,
        top=float(later.max()) if len(later) and later.max() > 0 else None,
        label_size=11,
    )


def same_age(points: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Draw the net revenue per customer of each cohort at the same age.

    Parameters
    ----------
    points : pandas.DataFrame
        `cohort` (its name, oldest first), `age` (in words), `revenue_per_customer`,
        `customers`, `is_history_censored`.
    currency : str
        Unit of the amounts.
    """
    names = points["cohort"].drop_duplicates().tolist()
    ages = points["age"].drop_duplicates().tolist()
    scale = alt.Scale(domain=ages, range=list(AGE_COLOURS[: len(ages)]))
    base = alt.Chart(points).encode(
        x=alt.X(
            "cohort:N",
            sort=names,
            title="Month of the first order",
            axis=alt.Axis(labelAngle=0, labelOverlap=True),
        ),
        y=alt.Y("revenue_per_customer:Q", title=f"{currency} per customer"),
        color=alt.Color(
            "age:N",
            sort=ages,
            scale=scale,
            legend=alt.Legend(
                title=None, orient="top", columns=2, symbolType="stroke", symbolStrokeWidth=4
            ),
        ),
        tooltip=[
            alt.Tooltip("cohort:N", title="First order in"),
            alt.Tooltip("age:N", title="Age"),
            alt.Tooltip("revenue_per_customer:Q", title=currency, format=",.0f"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
        ],
    )
    whole = base.transform_filter("!datum.is_history_censored")
    censored = base.transform_filter("datum.is_history_censored")
    chart: alt.LayerChart = (
        base.mark_line(strokeWidth=2)
        + whole.mark_point(size=60, opacity=1, filled=True)
        + censored.mark_point(size=60, opacity=1, fill=colours.PAGE, strokeWidth=2)
    ).properties(height=340)
    return chart


def first_orders(groups: pd.DataFrame, currency: str) -> alt.LayerChart | alt.FacetChart:
    """Draw which share of each group bought again by one age, with its interval and their money.

    Parameters
    ----------
    groups : pandas.DataFrame
        `group_name`, in order, `observed_customers`, `returned_customers`, `return_rate`, `low`,
        `high` and `revenue_per_customer`.
    currency : str
        Unit of the amounts.
    """
    names = groups["group_name"].tolist()
    drawn = groups.assign(
        label=[
            f"{wording.percent(row.return_rate, 0)} · {currency} "
            f"{wording.short_amount(row.revenue_per_customer)} each"
            for row in groups.itertuples()
        ]
    )
    top = min(1.0, 1.9 * float(drawn["high"].max()))
    base = alt.Chart(drawn).encode(
        y=alt.Y("group_name:N", sort=names, title=None, axis=alt.Axis(labelLimit=180)),
        tooltip=[
            alt.Tooltip("group_name:N", title="First order"),
            alt.Tooltip("observed_customers:Q", title="Customers seen so long", format=",.0f"),
            alt.Tooltip("returned_customers:Q", title="Bought again", format=",.0f"),
            alt.Tooltip("return_rate:Q", title="Their share", format=".1%"),
            *interval("low", "high"),
            alt.Tooltip("revenue_per_customer:Q", title=f"{currency} per customer", format=",.0f"),
        ],
    )
    x = alt.X(
        "return_rate:Q",
        title="Bought again",
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=[0, top]),
    )
    bars = base.mark_bar(size=18, color=colours.MAIN).encode(x=x)
    ranges = base.mark_rule(color=colours.INK, strokeWidth=2).encode(
        x=alt.X("low:Q"), x2=alt.X2("high:Q")
    )
    labels = base.mark_text(align="left", dx=8, color=colours.INK).encode(
        x=alt.X("high:Q"), text=alt.Text("label:N")
    )
    chart: alt.LayerChart | alt.FacetChart = alt.layer(bars, ranges, labels).properties(
        height=rows_height(names)
    )
    return chart
