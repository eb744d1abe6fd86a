"""Overview: key figures, revenue by month, revenue by segment, findings in words."""

from __future__ import annotations

from typing import Literal

import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import overview as charts
from queries import segments as queries


def draw_card(kpi: pd.Series, currency: str) -> None:
    """Draw a key figure with its unit, its day, its change and its definition."""
    known = wording.KPIS.get(kpi["kpi"])
    label = known.label if known else wording.as_markdown(kpi["kpi"].replace("_", " ").capitalize())
    definition = wording.definition(kpi)
    delta = wording.change(kpi["value"], kpi["previous_value"], kpi["unit"])
    if delta:
        before = wording.figure(kpi["previous_value"], kpi["unit"], currency)
        definition += f" Previous period: {wording.as_markdown(str(before))}."
    unit = {"currency": currency, "share": "share"}.get(kpi["unit"], kpi["unit"])
    layout.card(
        label,
        wording.figure(kpi["value"], kpi["unit"], currency),
        definition,
        f"{wording.as_markdown(unit)}  \nas of {marts_reader.day(kpi['as_of_date'])}",
        delta,
    )


def draw_cards(currency: str) -> None:
    """Draw the key figures; measured and predicted figures stand apart."""
    kpis = marts_reader.query("select * from rpt_kpis order by kpi_order")
    groups = kpis["kpi"].map(lambda kpi: wording.KPIS[kpi].group if kpi in wording.KPIS else "More")
    for group in (*wording.KPI_GROUPS[:-2], "More"):
        draw_group(group, kpis[groups == group], currency)
    with st.container(horizontal=True):
        for group in wording.KPI_GROUPS[-2:]:
            draw_group(group, kpis[groups == group], currency, width="content")


def draw_group(
    group: str, kpis: pd.DataFrame, currency: str, width: Literal["stretch", "content"] = "stretch"
) -> None:
    """Draw the key figures of a group under its name."""
    if kpis.empty:
        return
    with st.container(width=width, gap="xsmall"):
        st.markdown(f"**{group}**")
        with st.container(horizontal=True, width=width):
            for _, kpi in kpis.iterrows():
                draw_card(kpi, currency)


def partial_note(months: pd.DataFrame) -> str:
    """Return a note on the months that the data cover only in part."""
    partial = months.loc[months["is_partial"], "month_start_date"]
    if partial.empty:
        return ""
    named = " and ".join(f"{month:%B %Y}" for month in partial)
    return f" Pale: the data cover {named} only in part, so do not compare it with other months."


def draw_changes(changes: pd.DataFrame) -> None:
    """Draw who is in another segment than in the version published before, and why."""
    if changes.empty:
        return
    st.subheader("Who changed segment since the version before?", anchor=False)
    causes = [name for name in wording.CAUSES if changes[name].any()]
    layout.table(
        changes[["before", "now", "customers", *causes]],
        "Customers who moved from one segment to another, by cause.",
        {
            "before": st.column_config.TextColumn("From"),
            "now": st.column_config.TextColumn("To"),
            "customers": layout.number_column("Customers"),
            **{name: layout.number_column(*wording.CAUSES[name]) for name in causes},
        },
    )
    day = marts_reader.day(changes["previous_as_of_date"].max())
    st.caption(
        f"Compared with the version as of {day}. Each customer counts with the first cause that "
        "applies."
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("How are we doing?", anchor=False)
    layout.nothing_selected()
    draw_cards(currency)
    layout.whole_shop("The rest of this page")

    months = marts_reader.query("select * from rpt_monthly_revenue order by month_start_date")
    if not months.empty:
        layout.show(
            "How much do we sell each month?",
            charts.monthly_revenue(months, currency),
            "Net revenue by month, stacked by returning customers, new customers and sales "
            "without a customer.",
            "Net revenue is revenue less returns and discounts. New customers: those whose first "
            "purchase was in the month." + partial_note(months),
        )

    segments = marts_reader.segments()
    if not segments.empty:
        layout.show(
            "Which customers bring the revenue?",
            charts.segment_shares(segments, marts_reader.filters()["segment"]),
            "Share of customers and share of net revenue of each segment.",
            "Pale bars: share of customers. Full bars: share of the net revenue of all customers. "
            + layout.CLICK,
            picks="segment",
        )

    draw_changes(queries.changes())

    findings = marts_reader.query(
        "select finding, source_mart from rpt_insights order by insight_order"
    )
    st.subheader("What stands out?", anchor=False)
    if findings.empty:
        st.text("There are no findings: there are too few data.")
    with st.container(gap="xsmall"):
        for finding in findings["finding"]:
            st.text(f"•  {finding}")


main()
