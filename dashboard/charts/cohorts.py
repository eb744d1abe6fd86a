"""Charts of cohorts: customers by the month of their first order."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd

from charts import heat_map

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
            axis=alt.Axis(labelAngle=-45, labelOverlap=True),
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
