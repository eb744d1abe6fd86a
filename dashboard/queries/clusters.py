"""Queries of the marts about clusters."""

from __future__ import annotations

import pandas as pd
from marts_reader import query, query_cells, query_selected

# More customers than this are drawn as a 2-D histogram.
MAX_POINTS = 5_000


def clusters() -> pd.DataFrame:
    """Return one row for each cluster, the one with the highest median spend first."""
    return query("""
        select * from rpt_cluster_profiles
        where cluster_id is not null
        order by median_net_revenue desc, cluster_id
    """)


def cluster_products(most: int = 5) -> pd.DataFrame:
    """Return the products with the highest lift in each cluster, clusters as in `clusters`."""
    return query(
        """
        select profiles.cluster_id, products.*
        from rpt_cluster_products as products
        inner join rpt_cluster_profiles as profiles
            on products.cluster_name = profiles.cluster_name
        where products.product_rank <= $most
        order by profiles.median_net_revenue desc, cluster_id, products.product_rank
        """,
        most=most,
    )


def cluster_choice() -> pd.DataFrame:
    """Return the selection criteria for every number of clusters tried."""
    return query("""
        select * from rpt_cluster_selection where inertia is not null order by k
    """)


def clustered_customers() -> int:
    """Count the selected customers that have a cluster."""
    found = query_cells("select coalesce(sum(customers), 0) as n from cells where cluster_id >= 0")
    return int(found["n"].iloc[0])


def cluster_points() -> pd.DataFrame:
    """Return one row for each selected customer with a cluster, in arbitrary order."""
    return query_selected(
        "dim_customers",
        """
        select
            customer_id, cluster_name, segment, days_since_last_order, purchase_days,
            net_revenue::double as net_revenue
        from selected
        where cluster_name is not null
        order by hash(customer_id)
    """,
    )


def cluster_cells() -> pd.DataFrame:
    """Count the same customers in the bands of the cube.

    Returns
    -------
    pandas.DataFrame
        Bounds of the cell (`days_from`, `days_to` in days, `spend_from`, `spend_to` in the
        currency), `customers` and `cluster_name`, the commonest cluster in it. `spend_from` is
        0 for all below 1.
    """
    return query_cells("""
        , day_bands as (
            select
                days_from,
                lead(days_from, 1, days_from * 1.5 + 7) over (order by days_from) as days_to
            from (select distinct days_from from customer_cube)
        ),

        spend_bands as (
            select
                net_revenue_from,
                lead(net_revenue_from, 1, net_revenue_from * 2) over (order by net_revenue_from)
                    as spend_to
            from (select distinct net_revenue_from from customer_cube)
        ),

        by_cluster as (
            select days_from, net_revenue_from, cluster_id, sum(customers) as customers
            from cells
            where cluster_id >= 0
            group by all
        ),

        commonest as (
            select
                days_from,
                net_revenue_from,
                sum(customers)::bigint as customers,
                arg_max(cluster_id, (customers, -cluster_id)) as cluster_id
            from by_cluster
            group by all
        )

        select
            days_from::double as days_from,
            days_to::double as days_to,
            net_revenue_from::double as spend_from,
            spend_to::double as spend_to,
            commonest.customers,
            profiles.cluster_name
        from commonest
        inner join day_bands using (days_from)
        inner join spend_bands using (net_revenue_from)
        inner join rpt_cluster_profiles as profiles using (cluster_id)
        order by days_from, spend_from
    """)


def cluster_segments() -> pd.DataFrame:
    """Count the selected customers by cluster and segment."""
    return query_cells("""
        select
            profiles.cluster_name,
            cells.segment,
            sum(cells.customers)::bigint as customers,
            sum(cells.net_revenue)::double as net_revenue
        from cells
        inner join rpt_cluster_profiles as profiles using (cluster_id)
        group by all
        order by all
    """)
