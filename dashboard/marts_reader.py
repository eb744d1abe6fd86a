"""Read the published marts for the pages.

Every query is fixed SQL with bound parameters. Results are cached by published version, so a new
publication shows at the next rerun.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pandas as pd
import streamlit as st

from customer_intelligence.publication.reader import current_version, cursor, open_marts

VERSION_KEY = "published_version"
FILTER_KEYS = ("segment", "risk", "country")
OTHER_COUNTRIES = "Other countries"
UNKNOWN_COUNTRY = "Unknown"
# Marts with one row for each customer that the filters can narrow.
NARROWED = ("dim_customers", "customer_sample", "fct_customer_actions")
# The condition of the filters; an empty list stands for everybody.
CHOSEN = """
        (len($segment::varchar[]) = 0 or list_contains($segment::varchar[], segment))
        and (len($risk::varchar[]) = 0 or list_contains($risk::varchar[], churn_risk))
        and (len($country::varchar[]) = 0 or list_contains($country::varchar[], country_group))
"""
CELLS = """
with cells as (
    select * from customer_cube
    where {chosen}
)
"""
SELECTED = """
with named_countries as (select distinct country_group from customer_cube),

grouped as (
    select
        *,
        case
            when country is null then 'Unknown'
            when country in (select country_group from named_countries) then country
            else '{others}'
        end as country_group
    from {mart}
),

selected as (
    select * from grouped
    where {chosen}
)
"""


@st.cache_resource(show_spinner=False, max_entries=2)
def _connection(version: str) -> duckdb.DuckDBPyConnection:  # noqa: ARG001
    # The version is the key of the cache; the link `current` says what is opened.
    return open_marts()


@st.cache_data(show_spinner=False, max_entries=500)
def _answer(version: str, sql: str, parameters: dict[str, Any]) -> pd.DataFrame:
    # One cursor per query: sessions run in separate threads.
    with cursor(_connection(version)) as marts:
        return marts.execute(sql, parameters).df()


def follow_publication() -> str:
    """Hold this run of the script to the version that is current now, and return it.

    Raises
    ------
    CustomerIntelligenceError
        When nothing has been published, or the published file cannot be opened.
    """
    version = current_version()
    _connection(version)
    st.session_state[VERSION_KEY] = version
    return version


def query(sql: str, **parameters: Any) -> pd.DataFrame:
    """Return the answer of the published marts as a frame."""
    return _answer(st.session_state[VERSION_KEY], sql, parameters)


def later(sql: str, **parameters: Any) -> Callable[[], pd.DataFrame]:
    """Return a function that queries the version of this run, whoever calls it and when."""
    connection = _connection(st.session_state[VERSION_KEY])

    def answer() -> pd.DataFrame:
        with cursor(connection) as marts:
            return marts.execute(sql, parameters).df()

    return answer


def filters() -> dict[str, list[str]]:
    """Return the values chosen in the sidebar for each filter; none stands for all."""
    return {key: list(st.session_state.get(key) or []) for key in FILTER_KEYS}


def selected(mart: str) -> str:
    """Return SQL that begins with `selected`: the rows of a mart that the filters leave.

    Parameters
    ----------
    mart : str
        One of `NARROWED`.

    Raises
    ------
    ValueError
        When the filters cannot narrow the mart.
    """
    if mart not in NARROWED:
        raise ValueError(f"{mart} is none of {', '.join(NARROWED)}")
    return SELECTED.format(mart=mart, chosen=CHOSEN, others=OTHER_COUNTRIES)


def query_selected(mart: str, sql: str, **parameters: Any) -> pd.DataFrame:
    """Return the result of a query of `selected`, the filtered customers."""
    return query(selected(mart) + sql, **filters(), **parameters)


def query_cells(sql: str, **parameters: Any) -> pd.DataFrame:
    """Return the result of a query of `cells`, the filtered cells of the cube."""
    return query(CELLS.format(chosen=CHOSEN) + sql, **filters(), **parameters)


def build_info() -> dict[str, Any]:
    """Return the facts of the publication: dates, currency, version, counts."""
    return dict(query("select * from build_info").iloc[0])


def currency() -> str:
    """Return the currency of every amount."""
    return str(build_info()["currency"])


def day(value: date | pd.Timestamp) -> str:
    """Return a date in ISO format; "no day" for none."""
    return "no day" if pd.isna(value) else f"{value:%Y-%m-%d}"


def why(model: str) -> str:
    """Return a sentence: what a model of customers was fitted on, or why there is none."""
    found = query("select explanation from rpt_model_status where model = $model", model=model)
    return str(found["explanation"].iloc[0])


def is_ok(model: str) -> bool:
    """Return whether a model of customers may be used."""
    found = query("select model_status from rpt_model_status where model = $model", model=model)
    return bool((found["model_status"] == "ok").all())


def segments() -> pd.DataFrame:
    """Return one row for each segment, best first."""
    return query("select * from rpt_segments order by segment_rank")


def segment_names() -> list[str]:
    """Return the names of the segments, best first."""
    found: list[str] = segments()["segment"].tolist()
    return found


def countries() -> list[str]:
    """Return the countries of the cube, the most customers first, the other countries last."""
    found: list[str] = query(
        """
        select country_group from customer_cube
        group by country_group
        order by country_group in ($others, 'Unknown'), sum(customers) desc, country_group
        """,
        others=OTHER_COUNTRIES,
    )["country_group"].tolist()
    return found


def risks() -> list[str]:
    """Return the bands of churn risk that occur."""
    found: list[str] = query("select distinct churn_risk from customer_cube")["churn_risk"].tolist()
    return found


def selection() -> dict[str, Any]:
    """Return totals of the filtered selection and of the shop; predictions may be none."""
    return dict(
        query_cells("""
        , chosen as (
            select
                coalesce(sum(customers), 0) as customers,
                coalesce(sum(net_revenue), 0)::double as net_revenue,
                sum(expected_leavers)::double / nullif(sum(scored_customers), 0)
                    as mean_churn_probability,
                sum(value_at_risk)::double as value_at_risk,
                sum(predicted_value_90d)::double as predicted_value_90d,
                sum(predicted_value_365d)::double as predicted_value_365d,
                coalesce(sum(valued_customers), 0) as valued_customers
            from cells
        ),

        everybody as (
            select
                coalesce(sum(customers), 0) as all_customers,
                coalesce(sum(net_revenue), 0)::double as all_net_revenue
            from customer_cube
        )

        select * from chosen cross join everybody
        """).iloc[0]
    )
