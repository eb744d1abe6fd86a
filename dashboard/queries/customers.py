"""Queries of the marts about single customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from marts_reader import filters, later, query, selected

from customer_intelligence.data_dir.layout import data_directory
from customer_intelligence.ingest.do_not_contact import not_listed

# How many are listed and downloaded, from the top of the ranking.
LISTED = 200
DOWNLOADED = 10_000
LIST = """
, listed as (
    select *
    from selected
    where
        ($search = '' or contains(lower(customer_id), lower($search)))
        and (len($action::varchar[]) = 0 or list_contains($action::varchar[], action_label))
        and action <> 'do_not_contact' and {unlisted}
    order by priority
    limit $most
)

select
    listed.priority,
    customer_id,
    listed.action_label,
    listed.segment,
    listed.country,
    listed.churn_risk,
    listed.churn_probability,
    listed.value_at_risk::double as value_at_risk,
    listed.expected_gain::double as expected_gain,
    customers.net_revenue::double as net_revenue,
    listed.predicted_value_90d::double as predicted_value_90d,
    customers.orders,
    customers.days_since_last_order,
    customers.last_order_date,
    listed.suggested_description,
    listed.campaign,
    listed.is_holdout,
    listed.valid_until
from listed
inner join dim_customers as customers using (customer_id)
order by listed.priority
"""


def ranked(search: str, actions: list[str]) -> pd.DataFrame:
    """Return the first customers, those with the most value at risk first.

    Nobody who refused to be contacted is among them.

    Parameters
    ----------
    search : str
        A part of the customer's id; with one, the filters of the sidebar do not count.
    actions : list of str
        Labels of the actions wanted; empty for all.
    """
    sql, listed = _ranking()
    return query(sql, **_wanted(search, actions), **listed, most=LISTED)


def ranked_later(search: str, actions: list[str]) -> Callable[[], pd.DataFrame]:
    """Return a function that gives more of the same, for a file."""
    sql, listed = _ranking()
    return later(sql, **_wanted(search, actions), **listed, most=DOWNLOADED)


def refuses(customer_id: str) -> bool:
    """Return whether there is a customer of exactly this id who may not be contacted."""
    unlisted, listed = not_listed("customer_id", data_directory())
    found = query(
        "select 1 from dim_customers where customer_id = $id and not "  # noqa: S608  # nosec
        f"(coalesce(may_be_contacted, true) and {unlisted or 'true'})",
        id=customer_id,
        **listed,
    )
    return not found.empty


def are_scored() -> bool:
    """Return whether any customer has a churn probability."""
    scored = query("select coalesce(sum(scored_customers), 0) as n from customer_cube")
    return bool(int(scored["n"].iloc[0]))


def consent() -> str:
    """Return a sentence on consent; nothing where there are no customers."""
    found = query("select finding from rpt_insights where insight = 'consent'")
    return "" if found.empty else str(found["finding"].iloc[0])


def _ranking() -> tuple[str, dict[str, object]]:
    # Includes customers added to the file since the marts were built.
    unlisted, listed = not_listed("customer_id", data_directory())
    ranking = LIST.replace("{unlisted}", unlisted or "true")
    return selected("fct_customer_actions") + ranking, listed


def _wanted(search: str, actions: list[str]) -> dict[str, Any]:
    chosen = {key: [] if search else value for key, value in filters().items()}
    return {**chosen, "action": actions, "search": search}


def actions() -> pd.DataFrame:
    """Return the actions with their customers and expected gain."""
    return query("""
        select
            action_label,
            instruction,
            customers,
            held_out_customers,
            net_revenue::double as net_revenue,
            value_at_risk::double as value_at_risk,
            offer_cost::double as offer_cost,
            expected_gain::double as expected_gain
        from rpt_actions
        order by action_rank
    """)


def action_of(customer_id: str) -> dict[str, Any]:
    """Return the action for a customer; nothing when no customer has the id."""
    found = query("select * from fct_customer_actions where customer_id = $id", id=customer_id)
    return {} if found.empty else dict(found.iloc[0])


def profile(customer_id: str) -> dict[str, Any]:
    """Return the profile of a customer; nothing when no customer has the id."""
    found = query("select * from dim_customers where customer_id = $id", id=customer_id)
    return {} if found.empty else dict(found.iloc[0])


def has_country(country: str) -> bool:
    """Return whether any customer is from a country, ignoring case."""
    found = query(
        "select 1 from dim_customers where lower(country) = lower($country) limit 1",
        country=" ".join(country.split()),
    )
    return not found.empty


def orders(customer_id: str) -> pd.DataFrame:
    """Return a customer's orders, oldest first."""
    return query(
        """
        select order_id, ordered_at, lines, units::double as units,
            net_revenue::double as net_revenue,
            returned_amount::double as returned_amount, is_void
        from fct_orders
        where customer_id = $id
        order by ordered_at, order_id
        """,
        id=customer_id,
    )


def reasons(customer_id: str) -> pd.DataFrame:
    """Return the reasons why the model rates a customer's risk high or low, strongest first."""
    return query(
        """
        select reason, is_raising_risk from fct_churn_reasons
        where customer_id = $id order by reason_rank
        """,
        id=customer_id,
    )
