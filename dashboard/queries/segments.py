"""Queries of the marts about segments and the distributions of their customers."""

from __future__ import annotations

import pandas as pd
from marts_reader import query, query_cells, query_selected


def spread(measure: str) -> pd.DataFrame:
    """Return quantiles of a measure for each segment of the selected customers.

    Parameters
    ----------
    measure : str
        `days`, `purchase_days`, `spend` or `probability`.

    Returns
    -------
    pandas.DataFrame
        `segment`, `customers`, `low` (5 %), `lower_quarter`, `median`, `upper_quarter`,
        `high` (95 %) and `mean`, one row for each segment; of the customers in the sample.
    """
    return query_selected(
        "customer_sample",
        """
        , measured as (
            select
                segment,
                case $measure
                    when 'days' then days_since_last_order
                    when 'purchase_days' then purchase_days
                    when 'spend' then net_revenue::double
                    when 'probability' then churn_probability
                end as value
            from selected
        )

        select
            segment,
            count(*) as customers,
            quantile_cont(value, 0.05) as low,
            quantile_cont(value, 0.25) as lower_quarter,
            quantile_cont(value, 0.5) as median,
            quantile_cont(value, 0.75) as upper_quarter,
            quantile_cont(value, 0.95) as high,
            avg(value) as mean
        from measured
        where value is not null
        group by segment
        """,
        measure=measure,
    )


def is_sampled() -> bool:
    """Return whether the sample leaves customers out."""
    found = query("""
        select
            (select count(*) from customer_sample)
            < (select coalesce(sum(customers), 0) from customer_cube) as is_sampled
    """)
    return bool(found["is_sampled"].iloc[0])


def bands(measure: str, edges: list[int]) -> pd.DataFrame:
    """Count the selected customers by segment and band of a measure.

    Parameters
    ----------
    measure : str
        `days`, `purchase_days` or `spend`.
    edges : list of int
        Lower edges of the bands, as of `edges`; the first and the last take what is beyond.

    Returns
    -------
    pandas.DataFrame
        `segment`, `lower_bound`, `customers`.
    """
    return query_cells(
        """
        select
            segment,
            greatest($lowest, least($highest, case $measure
                when 'days' then days_from when 'purchase_days' then purchase_days_from
                else net_revenue_from
            end)) as lower_bound,
            sum(customers)::bigint as customers
        from cells
        group by all
        order by lower_bound
        """,
        measure=measure,
        lowest=edges[0],
        highest=edges[-1],
    )


def edges(measure: str) -> list[int]:
    """Return the lower bounds of a measure's bands in the whole shop, ascending.

    Bands at either end that hold less than one customer in a hundred are left out.
    """
    found: list[int] = query(
        """
        with counted as (
            select
                case $measure
                    when 'days' then days_from when 'purchase_days' then purchase_days_from
                    else net_revenue_from
                end as lower_bound,
                sum(customers) as customers
            from customer_cube
            group by all
        ),

        shares as (
            select
                lower_bound,
                sum(customers) over (order by lower_bound) / sum(customers) over () as up_to,
                sum(customers) over (order by lower_bound desc) / sum(customers) over () as from_on
            from counted
        )

        select lower_bound from shares
        where from_on >= 0.01 and (up_to >= 0.01 or $measure <> 'spend')
        order by lower_bound
        """,
        measure=measure,
    )["lower_bound"].tolist()
    return found


def rfm_grid() -> pd.DataFrame:
    """Return customers, revenue and the most frequent segment for each pair of scores."""
    return query_cells("""
        , by_segment as (
            select
                r_score,
                f_score,
                segment,
                sum(customers)::bigint as customers,
                sum(net_revenue)::double as net_revenue
            from cells
            where r_score > 0 and f_score > 0
            group by all
        )

        select
            r_score,
            f_score,
            sum(customers)::bigint as customers,
            sum(net_revenue) as net_revenue,
            arg_max(segment, (customers, segment)) as segment
        from by_segment
        group by all
        order by r_score, f_score
    """)


def migration() -> pd.DataFrame:
    """Return the customers who moved between each pair of segments, by period."""
    return query("select * from rpt_segment_migration")
