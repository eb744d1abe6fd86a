"""The dashboard: `python -m streamlit run dashboard/app.py` from the project's root.

It reads the published marts and nothing else.
"""

from __future__ import annotations

import logging

import duckdb
import store
import streamlit as st
import wording

from customer_intelligence.errors import CustomerIntelligenceError

# The folder must not be called `pages`: Streamlit would run such files by themselves, without
# this one, when the first visitor of a fresh server asks for one of them.
PAGES = {
    "overview": "Overview",
    "segments": "Segments",
    "clusters": "Clusters",
    "churn": "Churn",
}


def tell(what: str, todo: str) -> None:
    """Say what is missing and what to do about it, as plain text."""
    st.title("There is nothing to show yet")
    with st.container(border=True):
        st.text(what)
        st.text(todo)


def draw_sidebar() -> None:
    """Draw the filters, which the address keeps, and say which data this is."""
    found = store.risks()
    with st.sidebar:
        st.multiselect(
            "Segment",
            store.segment_names(),
            key="segment",
            bind="query-params",
            placeholder="All segments",
        )
        st.multiselect(
            "Churn risk (predicted)",
            [risk for risk in wording.RISKS if risk in found],
            key="risk",
            bind="query-params",
            placeholder="Any risk",
        )
        st.multiselect(
            "Country",
            store.countries(),
            key="country",
            bind="query-params",
            placeholder="All countries",
        )
        facts = store.build_info()
        st.text(f"Data as of {store.day(facts['as_of_date'])}")
        st.caption(
            f"Invoices from {store.day(facts['first_invoice_date'])} on; "
            f"built {facts['built_at']:%Y-%m-%d %H:%M} UTC, "
            f"{wording.whole(facts['tests_passed'])} tests passed."
        )


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="Customer intelligence", layout="wide")
    page = st.navigation(
        [
            st.Page(f"views/{name}.py", title=title, default=name == "overview")
            for name, title in PAGES.items()
        ]
    )
    try:
        store.follow_publication()
    except CustomerIntelligenceError as error:
        tell(error.what, error.hint)
        return
    except duckdb.Error:
        logging.getLogger(__name__).exception("The published marts cannot be opened")
        tell("The published marts cannot be opened.", "Run `make build` to publish them anew.")
        return
    try:
        draw_sidebar()
        page.run()
    except (duckdb.CatalogException, duckdb.BinderException):
        logging.getLogger(__name__).exception("The published marts do not fit this dashboard")
        tell(
            "The published marts are of another version of the project than this dashboard.",
            "Run `make build` to publish them anew.",
        )


main()
