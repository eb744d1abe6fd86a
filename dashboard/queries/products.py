"""Queries of the marts about products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from marts_reader import later, query

from customer_intelligence.data_dir.layout import data_directory
from customer_intelligence.ingest.do_not_contact import not_listed

SHOWN = 12
# How many products can be chosen, and how many rows are listed and downloaded.
CHOICES = 1_000
LISTED = 100
DOWNLOADED = 10_000
# Nobody who was held out or must not be contacted is reminded of anything.
DUE = """
    select
        due.customer_id,
        due.days_since_purchase,
        due.last_purchase_date,
        due.due_until_date,
        actions.segment,
        customers.net_revenue::double as net_revenue
    from fct_due_products as due
    inner join fct_customer_actions as actions using (customer_id)
    inner join dim_customers as customers using (customer_id)
    where
        due.stock_code = $code
        and not actions.is_holdout
        and actions.action <> 'do_not_contact'
        and {unlisted}
    order by customers.net_revenue desc, due.customer_id
    limit $most
"""


def totals() -> dict[str, Any]:
    """Return what all products together sold, and how many of them bring half of it."""
    found = query("""
        with ranked as (
            select
                net_revenue,
                sum(net_revenue) over (order by net_revenue desc, stock_code) - net_revenue
                    as brought_before
            from dim_products where net_revenue > 0
        )

        select
            count(*) filter (units_sold > 0) as products,
            coalesce(sum(gross_revenue), 0)::double as gross_revenue,
            coalesce(sum(returned_amount), 0)::double as returned_amount,
            coalesce(sum(net_revenue), 0)::double as net_revenue,
            (
                select count(*) from ranked
                where brought_before < 0.5 * (select sum(net_revenue) from ranked)
            ) as half_products
        from dim_products
    """)
    return dict(found.iloc[0])


def best(most: int = SHOWN) -> pd.DataFrame:
    """Return the products with the most net revenue."""
    return query(
        """
        select
            stock_code,
            coalesce(description, stock_code) as product,
            units_sold::double as units_sold,
            units_returned::double as units_returned,
            gross_revenue::double as gross_revenue,
            returned_amount::double as returned_amount,
            net_revenue::double as net_revenue
        from dim_products
        where units_sold > 0
        order by dim_products.net_revenue desc, stock_code
        limit $most
        """,
        most=most,
    )


def everything() -> Callable[[], pd.DataFrame]:
    """Return a function that gives every product, for a file."""
    return later("select * from dim_products order by net_revenue desc, stock_code")


def choices() -> dict[str, str]:
    """Return the products that something is known of beyond sales, by code: what they are called.

    Those who are bought again come first, the one with the most customers at the head.
    """
    found = query(
        """
        select
            products.stock_code,
            coalesce(products.description || ' (' || stock_code || ')', stock_code) as product
        from dim_products as products
        left join rpt_product_cycles as cycles using (stock_code)
        where
            cycles.customers is not null
            or stock_code in (select stock_code from rpt_product_affinity)
        order by cycles.customers desc nulls last, products.net_revenue desc, stock_code
        limit $most
        """,
        most=CHOICES,
    )
    return dict(zip(found["stock_code"], found["product"], strict=True))


def partners(code: str) -> pd.DataFrame:
    """Return the products that go with a product and did so again later, the surest first."""
    return query(
        """
        select
            coalesce(other_description, other_stock_code) as product,
            customers_together,
            100 * confidence as confidence,
            range_adjusted_lift,
            later_range_adjusted_lift
        from rpt_product_affinity
        where stock_code = $code and is_confirmed
        order by affinity_rank
        limit $most
        """,
        code=code,
        most=SHOWN,
    )


def pairs() -> pd.DataFrame:
    """Return the surest pairs of the shop, each once."""
    return query(
        """
        select
            coalesce(description, stock_code) as product,
            coalesce(other_description, other_stock_code) as other_product,
            customers_together,
            range_adjusted_lift
        from rpt_product_affinity
        where is_confirmed and stock_code < other_stock_code
        order by g_statistic desc, stock_code, other_stock_code
        limit $most
        """,
        most=SHOWN,
    )


def first_products() -> pd.DataFrame:
    """Return the products of first orders: those that stand out, then those most began with."""
    return query("""
        select
            stock_code,
            coalesce(description, stock_code) as product,
            customers,
            returned_customers,
            second_order_rate,
            ci_low,
            ci_high,
            expected_second_order_rate,
            first_customers,
            all_second_order_rate,
            is_outstanding
        from rpt_first_products
        order by is_outstanding desc, customers desc, stock_code
    """)


def cycle(code: str) -> dict[str, Any]:
    """Return when a product is usually bought again; nothing where too few do."""
    found = query("select * from rpt_product_cycles where stock_code = $code", code=code)
    return {} if found.empty else dict(found.iloc[0])


def cycles() -> pd.DataFrame:
    """Return the products that are bought again, those that most customers are due for first."""
    return query("""
        with due as (
            select stock_code, count(*) as due_customers from fct_due_products
            group by stock_code
        )

        select
            coalesce(cycles.description, stock_code) as product,
            cycles.customers,
            100 * cycles.repurchase_rate_90d as repurchase_rate_90d,
            100 * cycles.repurchase_rate_180d as repurchase_rate_180d,
            cycles.cycle_low_days,
            cycles.cycle_days,
            cycles.cycle_high_days,
            coalesce(due.due_customers, 0) as due_customers
        from rpt_product_cycles as cycles
        left join due using (stock_code)
        order by due_customers desc, cycles.customers desc, stock_code
    """)


def curve(code: str) -> pd.DataFrame:
    """Return the share of a product's customers who bought it again, by days since."""
    return query(
        """
        select
            days_since_purchase,
            repurchase_rate,
            ci_low,
            ci_high,
            followed_customers,
            followed_days
        from rpt_repurchase_curves where stock_code = $code
        order by days_since_purchase
        """,
        code=code,
    )


def due(code: str) -> pd.DataFrame:
    """Return the customers who are due for a product and may be contacted, the largest first."""
    sql, parameters = _due(code)
    return query(sql, **parameters, most=LISTED)


def due_later(code: str) -> Callable[[], pd.DataFrame]:
    """Return a function that gives more of the same, for a file."""
    sql, parameters = _due(code)
    return later(sql, **parameters, most=DOWNLOADED)


def _due(code: str) -> tuple[str, dict[str, object]]:
    unlisted, listed = not_listed("due.customer_id", data_directory())
    return DUE.replace("{unlisted}", unlisted or "true"), {"code": code, **listed}
