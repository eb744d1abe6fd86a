"""Queries of the marts about campaigns."""

from __future__ import annotations

import pandas as pd
from marts_reader import query

from customer_intelligence.data_dir.layout import data_directory
from customer_intelligence.ingest.do_not_contact import not_listed


def readouts() -> pd.DataFrame:
    """Return what each campaign did, the latest first, all its actions together at the head."""
    return query("""
        select * replace (
            contacted_net_revenue_per_customer::double as contacted_net_revenue_per_customer,
            held_out_net_revenue_per_customer::double as held_out_net_revenue_per_customer,
            revenue_limit::double as revenue_limit,
            net_revenue_difference::double as net_revenue_difference,
            net_revenue_difference_low::double as net_revenue_difference_low,
            net_revenue_difference_high::double as net_revenue_difference_high
        )
        from rpt_campaign_readout
        order by starts_on desc, campaign, action <> 'all', action
    """)


def responses() -> pd.DataFrame:
    """Return the response that all finished campaigns together measured, by action."""
    return query("""
        select action_label, measured_response_rate, measured_response_low, measured_response_high,
            is_response_measured
        from rpt_actions
        where measured_response_rate is not null
        order by action_rank
    """)


def audience() -> pd.DataFrame:
    """Return for each action the customers it would contact and hold out, and their chances.

    As `make campaign` counts: without a churn model half are taken to buy.
    """
    sql = """
        select
            actions.action,
            actions.action_label,
            count(*) filter (not listed.is_holdout) as contacts,
            count(*) filter (listed.is_holdout) as held_out,
            count(*) as customers,
            sum(coalesce(listed.churn_probability, 0.5)) as leavers,
            sum(coalesce(listed.churn_probability, 0.5) * listed.response_rate) as kept,
            any_value(listed.campaign) as campaign
        from fct_customer_actions as listed
        inner join rpt_actions as actions on listed.action = actions.action
        where listed.is_contact and listed.action <> 'do_not_contact' and {unlisted}
        group by actions.action, actions.action_label, actions.action_rank
        order by actions.action_rank
    """
    unlisted, listed = not_listed("listed.customer_id", data_directory())
    return query(sql.replace("{unlisted}", unlisted or "true"), **listed)


def window_days() -> int | None:
    """Return the days of the churn window, after which a campaign is read out; none without one."""
    found = query("select max(horizon_days) as days from rpt_churn_horizon where is_chosen")
    days = found["days"].iloc[0]
    return None if pd.isna(days) else int(days)
