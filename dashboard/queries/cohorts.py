"""Queries of the marts about cohorts."""

from __future__ import annotations

import pandas as pd
from marts_reader import query

# Smaller groups of first orders say little.
FEWEST = 20


def cohorts() -> pd.DataFrame:
    """Return one row for each cohort and month since its first order, whole months only."""
    return query("""
        select
            cohort_month,
            months_since_first_order as months,
            customers,
            active_customers,
            retention_rate,
            orders,
            orders / nullif(customers, 0) as orders_per_customer,
            cumulative_net_revenue_per_customer::double as revenue_per_customer,
            is_partial_month,
            is_history_censored
        from rpt_cohort_retention
        order by cohort_month, months
    """)


def by_first_order(attribute: str) -> pd.DataFrame:
    """Return who bought again, and what they brought, by a trait of the first order.

    Parameters
    ----------
    attribute : str
        `country`, `size` or `discount`.
    """
    return query(
        """
        select
            group_name,
            horizon_days,
            customers,
            observed_customers,
            returned_customers,
            return_rate,
            net_revenue_per_customer::double as revenue_per_customer
        from rpt_first_order_cohorts
        where attribute = $attribute and observed_customers >= $fewest
        order by group_rank, horizon_days
        """,
        attribute=attribute,
        fewest=FEWEST,
    )
