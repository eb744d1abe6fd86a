"""Queries of the marts about the whole shop."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from marts_reader import query


def months() -> pd.DataFrame:
    """Return each month with its revenue, its parts, customers, orders and mean order."""
    return query("""
        select
            months.* replace (
                months.net_revenue::double as net_revenue,
                months.net_revenue_new_customers::double as net_revenue_new_customers,
                months.net_revenue_returning_customers::double as net_revenue_returning_customers,
                months.net_revenue_anonymous::double as net_revenue_anonymous
            ),
            growth.net_revenue_per_order
        from rpt_monthly_revenue as months
        inner join rpt_growth as growth using (month_start_date)
        order by month_start_date
    """)


def growth() -> pd.DataFrame:
    """Return why each month's net revenue differs from the month before, in five parts."""
    return query("""
        select
            month_start_date,
            is_partial,
            net_revenue_change::double as net_revenue_change,
            new_customers_change::double as new_customers,
            (reactivated_change + expansion_change)::double as more,
            contraction_change::double as less,
            lapsed_change::double as lapsed,
            (returns_and_discounts_change + anonymous_change)::double as other
        from rpt_growth
        order by month_start_date
        offset 1
    """)


def changes() -> pd.DataFrame:
    """Return who is in another segment than in the version before: customers by move and cause."""
    return query("""
        select
            coalesce(value_before, 'New') as before,
            coalesce(value_now, 'No longer a customer') as now,
            count(*) as customers,
            count(*) filter (cause = 'own_activity') as own_activity,
            count(*) filter (cause = 'time') as time,
            count(*) filter (cause = 'others') as others,
            count(*) filter (cause = 'rules_or_model') as rules_or_model,
            count(*) filter (cause = 'correction') as correction,
            max(previous_as_of_date) as previous_as_of_date
        from rpt_changes
        where attribute = 'segment'
        group by all
        order by customers desc, before, now
    """)


def findings(first: Sequence[str]) -> pd.DataFrame:
    """Return what stands out, in sentences, those of some names first and in their order."""
    return query(
        """
        select insight, finding, figure
        from rpt_insights
        order by list_position($first::varchar[], insight) nulls last, insight_order
        """,
        first=list(first),
    )
