"""The script that Streamlit runs for each visit: the sidebar, and the page of the address.

`app.py` starts the server. The pages read the published marts and nothing else.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import access
import duckdb
import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from queries import customers

from customer_intelligence.errors import CustomerIntelligenceError

# The folder must not be called `pages`: Streamlit would run such files by themselves, without
# this one, when the first visitor of a fresh server asks for one of them.
PAGES = {
    "overview": "Overview",
    "segments": "Segments",
    "clusters": "Clusters",
    "churn": "Churn",
    "value": "Value",
    "cohorts": "Cohorts",
    "products": "Products",
    "customers": "Customers",
    "campaigns": "Campaigns",
    "about": "About",
}
DEFAULT_PAGE = "overview"
ICON = str(Path(__file__).with_name("icon.svg"))
# Older publications and older data are shown with a note on their age.
STALE_DAYS = 35
NOTHING = "There is nothing to show yet"


def draw_sidebar() -> None:
    """Draw the filters, which the address keeps, and the dates of the data."""
    found = marts_reader.risks()
    with st.sidebar:
        links.choose(
            st.multiselect,
            "Segment",
            marts_reader.segment_names(),
            "segment",
            noun="segment",
            everything="all segments",
            placeholder="All segments",
        )
        links.choose(
            st.multiselect,
            "Churn risk (predicted)",
            [risk for risk in wording.RISKS if risk in found],
            "risk",
            noun="churn risk",
            everything="any risk",
            placeholder="Any risk",
        )
        # A file without a country has nothing to choose from.
        if set(marts_reader.countries()) != {marts_reader.UNKNOWN_COUNTRY}:
            links.choose(
                st.multiselect,
                "Country",
                marts_reader.countries(),
                "country",
                noun="country",
                everything="all countries",
                elsewhere=among_others,
                placeholder="All countries",
                help="The countries with the most customers. All others form one group.",
            )
        facts = marts_reader.build_info()
        st.text(f"Data as of {marts_reader.day(facts['as_of_date'])}")
        st.caption(
            f"Invoices from {marts_reader.day(facts['first_invoice_date'])} on; "
            f"built {facts['built_at']:%Y-%m-%d %H:%M} UTC, "
            f"{wording.whole(facts['tests_passed'])} tests passed."
        )
        draw_age(facts)


def among_others(country: str) -> str | None:
    """Return the name of the other countries if a country is one of them."""
    is_one = (
        customers.has_country(country) and marts_reader.OTHER_COUNTRIES in marts_reader.countries()
    )
    return marts_reader.OTHER_COUNTRIES if is_one else None


def draw_age(facts: dict[str, Any]) -> None:
    """Say so when the figures, or the data behind them, are old."""
    today = datetime.now(UTC).replace(tzinfo=None)
    build_days = (today - facts["built_at"]).days
    if build_days > STALE_DAYS:
        st.warning(
            f"These figures are {wording.whole(build_days)} days old. Run `make build` again."
        )
    if not pd.isna(facts["as_of_date"]):
        data_days = (facts["built_at"] - facts["as_of_date"]).days
        if data_days > STALE_DAYS:
            st.caption(
                f"The data end {wording.whole(data_days)} days before this build: "
                '"now" and "the next days" start where the data end.'
            )


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="Customer intelligence", page_icon=ICON, layout="wide")
    page = st.navigation(
        [
            st.Page(f"views/{name}.py", title=title, default=name == DEFAULT_PAGE)
            for name, title in PAGES.items()
        ]
    )
    if not access.admit():
        return
    try:
        marts_reader.follow_publication()
        draw_sidebar()
        links.tell(*marts_reader.FILTER_KEYS)
        page.run()
        # For the report: a message instead of a page does not count.
        st.session_state["drawn_page"] = page.url_path or DEFAULT_PAGE
    except CustomerIntelligenceError as error:
        logging.getLogger(__name__).warning("%s", error)
        layout.tell(NOTHING, error.what, error.hint)
    except (duckdb.CatalogException, duckdb.BinderException):
        logging.getLogger(__name__).exception("The published marts do not fit this dashboard")
        layout.tell(
            NOTHING,
            "The published marts come from another version of the project than this dashboard.",
            "Run `make build` to publish them again.",
        )
    except duckdb.Error:
        logging.getLogger(__name__).exception("The published marts cannot be read")
        layout.tell(
            NOTHING,
            "The published marts cannot be read.",
            "The log of the dashboard says why. Run `make build` to publish them again.",
        )


main()
