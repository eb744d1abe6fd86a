"""Pieces that every page is put together from."""

from __future__ import annotations

import altair as alt
import pandas as pd
import store
import streamlit as st
import wording


def tell(title: str, what: str, todo: str) -> None:
    """Say why there is nothing to see and what to do about it, as plain text."""
    st.title(title, anchor=False)
    with st.container(border=True):
        st.text(what)
        st.text(todo)


def show(question: str, chart: alt.TopLevelMixin, alt_text: str, note: str | None = None) -> None:
    """Show a chart under the question it answers.

    Parameters
    ----------
    question : str
        The title.
    chart : altair chart
        What is drawn.
    alt_text : str
        What the chart shows, for people who do not see it.
    note : str, optional
        How to read it; plain words of the dashboard, not of the data.
    """
    st.subheader(question, anchor=False)
    st.altair_chart(chart, width="stretch", alt=alt_text)
    if note:
        st.caption(note)


def nothing_selected() -> bool:
    """Say what the filters leave of the shop; true when they leave nobody."""
    chosen = store.filters()
    left = store.selection()
    if not left["all_customers"]:
        st.info("This shop has no customers: no purchase that stands names who made it.")
        return True
    if not any(chosen.values()):
        return False
    if not left["customers"]:
        st.info("No customer fits these filters. Take one of them out in the sidebar.")
        return True
    currency = store.currency()
    share = left["net_revenue"] / left["all_net_revenue"] if left["all_net_revenue"] else 0
    words = [
        f"{wording.whole(left['customers'])} of {wording.whole(left['all_customers'])} customers",
        f"{wording.money(left['net_revenue'], currency)} net revenue "
        f"({wording.percent(share)} of all customers')",
    ]
    if not pd.isna(left["mean_churn_probability"]):
        words.append(f"expected churn {wording.percent(left['mean_churn_probability'])}")
        words.append(f"{wording.money(left['value_at_risk'], currency)} value at risk")
    with st.container(border=True):
        st.text("Your selection: " + " · ".join(words))
    return False


def percent_column(label: str, explanation: str | None = None, digits: int = 1) -> object:
    """Return the configuration of a table's column of shares, given in percent."""
    return st.column_config.NumberColumn(label, help=explanation, format=f"%.{digits}f %%")


def number_column(label: str, explanation: str | None = None, digits: int = 0) -> object:
    """Return the configuration of a table's column of numbers with thousands separated."""
    return st.column_config.NumberColumn(
        label, help=explanation, format="localized" if not digits else f"%.{digits}f"
    )
