"""Overview: the last month, revenue and growth by month, segments, findings, what changed."""

from __future__ import annotations

from typing import Literal

import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import overview as charts
from queries import overview as queries


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
    return f"Pale: the data cover {named} only in part, so do not compare it with other months."


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


def draw_month(months: pd.DataFrame, currency: str) -> None:
    """Draw the last whole month: five figures, each with its course and the same month before."""
    whole = months[~months["is_partial"]].reset_index(drop=True)
    if whole.empty:
        return
    now = whole.iloc[-1]
    month = now["month_start_date"]
    earlier = whole.set_index("month_start_date")
    # The season's own comparison first.
    past = [
        earlier.loc[day]
        for day in (month - pd.DateOffset(years=1), month - pd.DateOffset(months=1))
        if day in earlier.index
    ]
    figures = wording.MONTH_FIGURES.items()
    for place, (name, (label, unit, definition)) in zip(st.columns(5), figures, strict=True):
        if pd.isna(now[name]):
            continue
        changes = [wording.change(now[name], then[name], unit) for then in past]
        exact = str(wording.figure(now[name], unit, currency))
        told = [f"Exactly {exact}"] + [
            f"{change} on {then.name:%B %Y}"
            for then, change in zip(past, changes, strict=True)
            if change
        ]
        place.metric(
            label,
            wording.in_short(exact) if unit == "currency" and now[name] >= 10_000 else exact,
            changes[0] if changes else None,
            delta_color="blue",
            help=f"{wording.as_markdown('; '.join(told))}. {definition}",
            border=True,
            chart_data=whole[name].tolist() if len(whole) > 1 else None,
            chart_type="area",
        )
    compared = f", against {past[0].name:%B %Y}" if past else ""
    st.caption(f"{month:%B %Y}, the last whole month{compared}. The lines show all whole months.")


def draw_findings(findings: pd.DataFrame) -> None:
    """Draw three findings as cards, each with the page that follows it up, and fold them all."""
    st.subheader("What stands out?", anchor=False)
    if findings.empty:
        st.text("There are no findings: there are too few data.")
        return
    for _, finding in findings.dropna(subset="figure").iterrows():
        known = wording.FOLLOW_UP.get(finding["insight"])
        if known is None:
            continue
        figure = float(finding["figure"])
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                known.said.format(share=wording.percent(figure, 0), hundred=100 * figure),
                help=wording.as_markdown(finding["finding"]),
            )
            st.page_link(known.page, label=known.link)
    with st.expander(f"All {len(findings)} findings, in full"):
        for sentence in findings["finding"]:
            st.text(f"•  {sentence}")


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("How are we doing?", anchor=False)
    layout.nothing_selected()
    layout.whole_shop()
    months = queries.months()
    if not months.empty:
        draw_month(months, currency)
    left, right = st.columns([3, 2], gap="large")
    with left:
        if not months.empty:
            layout.show(
                "How much do we sell each month?",
                charts.monthly_revenue(months, currency),
                "Net revenue by month, stacked by returning customers, new customers and sales "
                "without a customer.",
                partial_note(months),
            )
        growth = queries.growth()
        if not growth.empty:
            layout.show(
                "Where does the change come from?",
                charts.growth(growth, currency),
                "What made each month's net revenue differ from the month before, by part.",
                "Against the month before. The parts add up to the line. Customers count before "
                "returns and discounts, which are grey with what has no customer.",
            )
    with right:
        segments = marts_reader.segments()
        if not segments.empty:
            layout.show(
                "Which customers bring the revenue?",
                charts.segment_shares(segments, marts_reader.filters()["segment"]),
                "Share of customers and share of net revenue of each segment.",
                "Pale bars: share of customers. Full bars: share of the net revenue of all "
                "customers. " + layout.CLICK,
                picks="segment",
            )
        draw_findings(queries.findings(list(wording.FOLLOW_UP)))
    draw_changes(queries.changes())
    with st.expander("All key figures, and what they mean"):
        draw_cards(currency)


main()
