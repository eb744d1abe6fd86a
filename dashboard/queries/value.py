"""Queries of the marts about customers' value."""

from __future__ import annotations

import pandas as pd
from marts_reader import query, query_cells


def by_segment() -> pd.DataFrame:
    """Return past and predicted spend of the selected customers of each segment."""
    return query_cells("""
        select
            segment,
            sum(customers)::bigint as customers,
            sum(net_revenue)::double as net_revenue,
            sum(valued_customers)::bigint as valued_customers,
            sum(predicted_value_90d)::double as predicted_value_90d,
            sum(predicted_value_365d)::double as predicted_value_365d
        from cells
        group by segment
    """)


def concentration() -> pd.DataFrame:
    """Return the share of revenue of the top 1 %, 2 % … of customers."""
    return query("""
        select top_percent, customers, net_revenue_share, gini
        from rpt_revenue_concentration
        where net_revenue_share is not null
        order by top_percent
    """)


def validation() -> pd.DataFrame:
    """Return each forecast's metrics at the last test date over the longest window."""
    return query("""
        select model, cutoff_date, horizon_days, metric, value, ci_low, ci_high
        from rpt_clv_validation
        where cutoff_date = (select max(cutoff_date) from rpt_clv_validation)
        qualify horizon_days = max(horizon_days) over ()
        order by model, metric
    """)


def tracking() -> pd.DataFrame:
    """Return predicted and actual purchase days, summed week by week, after the last test date."""
    return query("""
        select cutoff_date, week, predicted_purchase_days, actual_purchase_days
        from rpt_clv_tracking
        where cutoff_date = (select max(cutoff_date) from rpt_clv_tracking)
        order by week
    """)


def parameters() -> pd.DataFrame:
    """Return the parameters of the models that are used, at the latest date."""
    return query("""
        select model, parameter, estimate, standard_error, fitted_customers, cutoff_date
        from rpt_clv_parameters
        where is_used and cutoff_date = (select max(cutoff_date) from rpt_clv_parameters)
        order by model, parameter
    """)
