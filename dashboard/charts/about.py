"""Charts of the data themselves."""

from __future__ import annotations

import altair as alt
import colours
import pandas as pd
import wording

from charts import SHORT_MONEY, rows_height


def dispositions(lines: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Draw the amount of the lines by disposition; those that count are full.

    Parameters
    ----------
    lines : pandas.DataFrame
        `label` (in words, in the order of the rules), `amount`, `lines`, `is_counted`.
    currency : str
        Unit of the amounts.
    """
    names = lines["label"].tolist()
    drawn = lines.assign(
        shown_amount=[wording.short_amount(amount) for amount in lines["amount"]],
        end=lines["amount"].clip(lower=0),
    )
    top = max(float(drawn["amount"].max()), 1.0)
    base = alt.Chart(drawn).encode(
        y=alt.Y("label:N", sort=names, title=None, axis=alt.Axis(labelLimit=170)),
        tooltip=[
            alt.Tooltip("label:N", title="Lines"),
            alt.Tooltip("lines:Q", title="Count", format=",.0f"),
            alt.Tooltip("amount:Q", title=currency, format=",.2f"),
        ],
    )
    bars = base.mark_bar(strokeWidth=1.5, stroke=colours.MAIN, size=18).encode(
        x=alt.X(
            "amount:Q",
            title=f"Amount ({currency})",
            axis=alt.Axis(labelExpr=SHORT_MONEY, tickCount=5),
            scale=alt.Scale(domainMax=1.15 * top, nice=False),
        ),
        color=alt.ColorValue(colours.MAIN),
        fillOpacity=alt.condition("datum.is_counted", alt.value(1), alt.value(0.12)),
    )
    texts = base.mark_text(align="left", dx=5, color=colours.INK).encode(
        x=alt.X("end:Q"), text=alt.Text("shown_amount:N")
    )
    chart: alt.LayerChart = (bars + texts).properties(height=rows_height(names))
    return chart
