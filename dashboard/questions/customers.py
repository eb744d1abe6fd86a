"""Questions to the marts about single customers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from store import SELECTED, filters, query

# So many are listed and downloaded, from the top of the ranking.
LISTED = 200
DOWNLOADED = 10_000
LIST = """
, listed as (
    select selected.*, actions.* exclude (customer_id, churn_probability, value_at_risk,
        predicted_value_90d)
    from selected
    inner join fct_customer_actions as actions using (customer_id)
    where
        ($search = '' or contains(lower(customer_id), lower($search)))
        and (len($action::varchar[]) = 0 or list_contains($action::varchar[], action_label))
    order by priority, customer_id
    limit $most
)

select
    priority,
    customer_id,
    action_label,
    segment,
    country,
    churn_risk,
    churn_probability,
    value_at_risk::double as value_at_risk,
    expected_gain::double as expected_gain,
    net_revenue::double as net_revenue,
    predicted_value_90d::double as predicted_value_90d,
    orders,
    days_since_last_order,
    last_order_date,
    suggested_description,
    campaign,
    is_holdout,
    valid_until
from listed
order by priority, customer_id
"""


def ranked(search: str, actions: list[str], most: int) -> pd.DataFrame:
    """Return customers, those with the most value at risk first.

    Parameters
    ----------
    search : str
        A part of the customer's id; with one, the filters of the sidebar do not count.
    actions : list of str
        Labels of the actions wanted; empty for all.
    most : int
        Return at most so many.
    """
    parameters: dict[str, Any] = filters()
    if search:
        parameters = {key: [] for key in parameters}
    return query(SELECTED + LIST, **parameters, action=actions, search=search, most=most)


def actions() -> pd.DataFrame:
    """Return what to do, with how many customers and what it may bring."""
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
    """Return what to do with a customer; nothing when there is none of that id."""
    found = query("select * from fct_customer_actions where customer_id = $id", id=customer_id)
    return {} if found.empty else dict(found.iloc[0])


def profile(customer_id: str) -> dict[str, Any]:
    """Return what is known of a customer; nothing when there is none of that id."""
    found = query("select * from dim_customers where customer_id = $id", id=customer_id)
    return {} if found.empty else dict(found.iloc[0])


def orders(customer_id: str) -> pd.DataFrame:
    """Return a customer's orders, oldest first."""
    return query(
        """
        select order_id, ordered_at, lines, units, net_revenue::double as net_revenue,
            returned_amount::double as returned_amount, is_void
        from fct_orders
        where customer_id = $id
        order by ordered_at, order_id
        """,
        id=customer_id,
    )


def reasons(customer_id: str) -> pd.DataFrame:
    """Return why the model finds the customer's risk high or low, strongest first."""
    return query(
        """
        select reason, is_raising_risk from fct_churn_reasons
        where customer_id = $id order by reason_rank
        """,
        id=customer_id,
    )
