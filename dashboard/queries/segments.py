"""Queries of the marts about segments and the distributions of their customers."""

from __future__ import annotations

import pandas as pd
from marts_reader import query, query_cells, query_selected

# How many customers of a pair of scores are listed.
LISTED = 100


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


def sizes() -> pd.DataFrame:
    """Return the size, revenue and expected churn of each segment of the selected customers."""
    return query_cells("""
        select
            segment,
            sum(customers)::bigint as customers,
            sum(customers) / sum(sum(customers)) over () as customer_share,
            sum(net_revenue)::double as net_revenue,
            sum(net_revenue)::double / nullif(sum(sum(net_revenue)) over (), 0)::double
                as net_revenue_share,
            sum(expected_leavers)::double / nullif(sum(scored_customers), 0) as churn
        from cells
        group by segment
    """)


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
            arg_max(segment, (customers, segment)) as segment,
            max(customers) / sum(customers) as segment_share
        from by_segment
        group by all
        order by r_score, f_score
    """)


def scores() -> pd.DataFrame:
    """Return what each score stands for: days since the last order, and purchase days.

    Returns
    -------
    pandas.DataFrame
        `measure` (`days` or `purchase_days`), `score`, `lowest`, `highest`; of the whole shop.
    """
    return query("""
        select
            'days' as measure,
            r_score as score,
            min(days_since_last_order) as lowest,
            max(days_since_last_order) as highest
        from dim_customers
        where r_score is not null
        group by r_score
        union all
        select 'purchase_days', f_score, min(purchase_days), max(purchase_days)
        from dim_customers
        where f_score is not null
        group by f_score
        order by measure, score
    """)


def members(r_score: int, f_score: int) -> pd.DataFrame:
    """Return the selected customers of a pair of scores, those who spent the most first.

    Parameters
    ----------
    r_score, f_score : int
        The scores; 0 for any.
    """
    return query_selected(
        "dim_customers",
        """
        select
            customer_id,
            net_revenue::double as net_revenue,
            purchase_days,
            days_since_last_order
        from selected
        where
            ($r_score = 0 or r_score = $r_score)
            and ($f_score = 0 or f_score = $f_score)
        order by selected.net_revenue desc, customer_id
        limit $most
        """,
        r_score=r_score,
        f_score=f_score,
        most=LISTED,
    )


def repurchase() -> pd.DataFrame:
    """Return who bought again, by the segment of three months ago and band of purchase days.

    Returns
    -------
    pandas.DataFrame
        `segment`, `segment_rank`, `purchase_days_from`, `customers`, `repurchasers`,
        `as_of_date`, best segment first; of the whole shop.
    """
    return query("""
        select
            bands.segment,
            segments.segment_rank,
            bands.purchase_days_from,
            bands.customers,
            bands.repurchasers,
            bands.as_of_date
        from rpt_segment_repurchase as bands
        inner join rpt_segments as segments using (segment)
        order by segments.segment_rank, bands.purchase_days_from
    """)


def migration() -> pd.DataFrame:
    """Return the customers who moved between each pair of segments, by period."""
    return query("""
        select
            from_date, to_date, from_segment, to_segment, customers,
            net_revenue::double as net_revenue
        from rpt_segment_migration
        order by to_date desc, from_segment, to_segment
    """)
