"""Charts of products: what they sell, what first ones bring, when they are bought again."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, interval

NAME_WIDTH = 210


def best_sellers(products: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Draw what products sold: what was kept, and behind it what was returned.

    Parameters
    ----------
    products : pandas.DataFrame
        `label` (unique, best first), `product`, `net_revenue`, `gross_revenue`,
        `returned_amount`, `units_sold`.
    currency : str
        Unit of the amounts.
    """
    drawn = products.assign(
        short=[wording.short_amount(amount) for amount in products["net_revenue"]]
    )
    base = alt.Chart(drawn).encode(
        y=alt.Y(
            "label:N",
            sort=drawn["label"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=NAME_WIDTH),
        ),
        tooltip=[
            alt.Tooltip("product:N", title="Product"),
            alt.Tooltip("net_revenue:Q", title=f"Net of returns, {currency}", format=",.2f"),
            alt.Tooltip("gross_revenue:Q", title=f"Sold, {currency}", format=",.2f"),
            alt.Tooltip("returned_amount:Q", title=f"Returned, {currency}", format=",.2f"),
            alt.Tooltip("units_sold:Q", title="Units sold", format=",.0f"),
        ],
    )
    sold = base.mark_bar(color=colours.MUTED).encode(
        x=alt.X(
            "gross_revenue:Q",
            title=f"Pale: sold and returned ({currency})",
            axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=4, titleAnchor="end"),
            # Room for the label of the longest bar.
            scale=alt.Scale(domainMax=1.18 * float(drawn["gross_revenue"].max()), nice=False),
        )
    )
    kept = base.mark_bar(color=colours.MAIN).encode(x="net_revenue:Q")
    texts = base.mark_text(align="left", dx=5, color=colours.INK).encode(
        x="gross_revenue:Q", text="short:N"
    )
    chart: alt.LayerChart = (sold + kept + texts).properties(height=26 * len(drawn) + 50)
    return chart


def first_products(products: pd.DataFrame) -> alt.LayerChart:
    """Draw the share of customers with a second order by first product, with its interval.

    Parameters
    ----------
    products : pandas.DataFrame
        `label` (unique, highest first), `product`, `customers`, `returned_customers`,
        `second_order_rate`, `ci_low`, `ci_high`, `expected_second_order_rate` (0…1),
        `is_outstanding`.
    """
    base = alt.Chart(products).encode(
        y=alt.Y(
            "label:N",
            sort=products["label"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=NAME_WIDTH),
        ),
        tooltip=[
            alt.Tooltip("product:N", title="In the first order"),
            alt.Tooltip("customers:Q", title="Customers", format=",.0f"),
            alt.Tooltip("returned_customers:Q", title="Ordered again", format=",.0f"),
            alt.Tooltip("second_order_rate:Q", title="Share", format=".1%"),
            *interval("ci_low", "ci_high"),
            alt.Tooltip(
                "expected_second_order_rate:Q", title="First orders as large", format=".1%"
            ),
        ],
    )
    ranges = base.mark_rule(strokeWidth=3, color=colours.MUTED).encode(
        x=alt.X(
            "ci_low:Q",
            title="Second order within 90 days",
            axis=alt.Axis(format=".0%", tickCount=5, titleAnchor="end"),
            scale=alt.Scale(domainMin=0),
        ),
        x2="ci_high:Q",
    )
    expected = base.mark_tick(thickness=2.5, size=16, color=colours.INK).encode(
        x="expected_second_order_rate:Q"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x="second_order_rate:Q",
        color=alt.condition(
            "datum.is_outstanding", alt.value(colours.ACCENT), alt.value(colours.MAIN)
        ),
    )
    chart: alt.LayerChart = (ranges + expected + dots).properties(height=26 * len(products) + 50)
    return chart


def repurchase_curve(curve: pd.DataFrame, low: int, middle: int, high: int) -> alt.LayerChart:
    """Draw the share of a product's customers who bought it again, by days since.

    Parameters
    ----------
    curve : pandas.DataFrame
        `days_since_purchase`, `repurchase_rate`, `ci_low`, `ci_high` (0…1),
        `followed_customers`, `followed_days`; it steps up at each row.
    low, middle, high : int
        Days by which a quarter, half and three quarters of those who come back have.
    """
    ends = int(curve["followed_days"].iloc[0])
    first = {"days_since_purchase": 0, "repurchase_rate": 0.0, "ci_low": 0.0, "ci_high": 0.0}
    last = {**curve.iloc[-1].to_dict(), "days_since_purchase": ends}
    drawn = pd.concat([pd.DataFrame([first]), curve, pd.DataFrame([last])], ignore_index=True)
    base = alt.Chart(drawn).encode(
        x=alt.X(
            "days_since_purchase:Q",
            title="Days since the first purchase",
            scale=alt.Scale(domain=[0, ends], nice=False),
            axis=alt.Axis(tickCount=6),
        ),
        tooltip=[
            alt.Tooltip("days_since_purchase:Q", title="Within days", format=",.0f"),
            alt.Tooltip("repurchase_rate:Q", title="Bought it again", format=".1%"),
            *interval("ci_low", "ci_high"),
            alt.Tooltip("followed_customers:Q", title="Customers followed", format=",.0f"),
        ],
    )
    usual = pd.DataFrame({"from": [low], "to": [high], "middle": [middle]})
    window = (
        alt.Chart(usual)
        .mark_rect(color=colours.FADED, opacity=0.6)
        .encode(
            x="from:Q",
            x2="to:Q",
            tooltip=[
                alt.Tooltip("from:Q", title="A quarter of those who return, by day"),
                alt.Tooltip("middle:Q", title="Half"),
                alt.Tooltip("to:Q", title="Three quarters"),
            ],
        )
    )
    share = alt.Y(
        "repurchase_rate:Q",
        title="Share who bought it again",
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domainMin=0),
    )
    band = base.mark_area(color=colours.MAIN, opacity=0.2, interpolate="step-after").encode(
        y=alt.Y("ci_low:Q"), y2="ci_high:Q"
    )
    line = base.mark_line(color=colours.MAIN, strokeWidth=2.5, interpolate="step-after").encode(
        y=share
    )
    chart: alt.LayerChart = (window + band + line).properties(height=300)
    return chart
