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
# How many customers a search offers.
FOUND = 50
# Nobody who is held out, refused contact or has no action that contacts them.
TO_CONTACT = """
, listed as (
    select *
    from selected
    where
        (len($action::varchar[]) = 0 or list_contains($action::varchar[], action_label))
        and is_contact
        and not is_holdout
        and action <> 'do_not_contact'
        and {unlisted}
)
"""
LIST = """
, first_listed as (
    select * from listed
    order by priority
    limit $most
)

select
    row_number() over (order by listed.priority) as place,
    customer_id,
    listed.action,
    listed.action_label,
    actions.instruction,
    listed.reason_1,
    listed.reason_2,
    listed.reason_3,
    listed.suggested_description,
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
    listed.valid_until
from first_listed as listed
inner join dim_customers as customers using (customer_id)
inner join rpt_actions as actions on listed.action = actions.action
order by listed.priority
"""
LEFT = """
, counted as (
    select
        count(*) as customers,
        sum(value_at_risk)::double as value_at_risk,
        sum(expected_gain)::double as expected_gain
    from listed
),

others as (
    select
        count(*) filter (
            is_holdout
            and (len($action::varchar[]) = 0 or list_contains($action::varchar[], action_label))
        ) as held_out_customers,
        count(*) filter (not is_contact and action <> 'do_not_contact') as idle_customers
    from selected where {unlisted}
)

select * from counted cross join others
"""


def ranked(actions: list[str]) -> pd.DataFrame:
    """Return the first customers to contact, those with the most value at risk first.

    Parameters
    ----------
    actions : list of str
        Labels of the actions wanted; empty for all.
    """
    sql, listed = _ranking(LIST)
    return query(sql, **filters(), action=actions, **listed, most=LISTED)


def ranked_later(actions: list[str]) -> Callable[[], pd.DataFrame]:
    """Return a function that gives more of the same, for a file."""
    sql, listed = _ranking(LIST)
    return later(sql, **filters(), action=actions, **listed, most=DOWNLOADED)


def to_contact(actions: list[str]) -> dict[str, Any]:
    """Return how many customers are to be contacted, what is at stake, and who is left out."""
    sql, listed = _ranking(LEFT)
    return dict(query(sql, **filters(), action=actions, **listed).iloc[0])


def contact_actions() -> pd.DataFrame:
    """Return the actions that contact customers, by their rule."""
    return query(
        "select action, action_label from rpt_actions where is_contact order by action_rank"
    )


def found(search: str) -> list[str]:
    """Return the ids that contain a text, the one that is equal to it first; the filters aside."""
    answer = query(
        """
        select customer_id from dim_customers
        where contains(lower(customer_id), lower($search))
        order by lower(customer_id) = lower($search) desc, customer_id
        limit $most
        """,
        search=search,
        most=FOUND,
    )
    ids: list[str] = answer["customer_id"].tolist()
    return ids


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


def _ranking(sql: str) -> tuple[str, dict[str, object]]:
    # Includes customers added to the file since the marts were built.
    unlisted, listed = not_listed("customer_id", data_directory())
    ranking = (TO_CONTACT + sql).replace("{unlisted}", unlisted or "true")
    return selected("fct_customer_actions") + ranking, listed


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
        select reason, feature_group, contribution, is_raising_risk
        from fct_churn_reasons
        where customer_id = $id order by reason_rank
        """,
        id=customer_id,
    )


def due_first(customers: list[str]) -> dict[str, str]:
    """Return for each customer the product whose usual days end first, if any is due again."""
    found = query(
        """
        select
            customer_id,
            arg_min(coalesce(description, stock_code), (due_until_date, stock_code)) as product
        from fct_due_products
        where customer_id in (select unnest($customers::varchar[]))
        group by customer_id
        """,
        customers=customers,
    )
    return dict(zip(found["customer_id"], found["product"], strict=True))


def due_products(customer_id: str) -> pd.DataFrame:
    """Return the products that are due again for a customer, the longest silent first."""
    return query(
        """
        select
            coalesce(description, stock_code) as product,
            last_purchase_date,
            days_since_purchase,
            due_until_date
        from fct_due_products
        where customer_id = $id
        order by due_until_date, stock_code
        """,
        id=customer_id,
    )


def snapshots() -> list[str]:
    """Return the days of the latest snapshot and the one three before, the earlier first."""
    days = query("select distinct as_of_date from fct_customer_snapshots order by as_of_date")
    last = [f"{day:%Y-%m-%d}" for day in days["as_of_date"].iloc[-4:]]
    return [last[0], last[-1]] if len(last) > 1 else []
