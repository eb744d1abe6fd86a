"""The customer table, cohorts and months in SQL: `python duckdb_sql.py INVOICES.parquet OUT`."""

import sys
from pathlib import Path

import duckdb

ORDERS = """
    create temp table orders as
    select
        InvoiceNo as invoice_no,
        CustomerID as customer_id,
        not starts_with(InvoiceNo, 'C') as is_purchase,
        min(InvoiceDate)::date as order_date,
        sum(Quantity * UnitPrice) as net_revenue
    from read_parquet($file)
    group by InvoiceNo, CustomerID
"""
TABLES = """
    create temp table customers as
    select
        customer_id,
        (select max(order_date) from orders) - max(order_date) filter (is_purchase)
            as days_since_last_order,
        count(*) filter (is_purchase) as orders,
        sum(net_revenue) as net_revenue,
        date_trunc('month', min(order_date) filter (is_purchase))::date as cohort_month
    from orders
    where customer_id is not null
    group by customer_id
    having count(*) filter (is_purchase) > 0;

    create temp table cohorts as
    select
        cohort_month,
        date_trunc('month', order_date)::date as activity_month,
        count(distinct customer_id) filter (is_purchase) as active_customers,
        count(*) filter (is_purchase) as orders,
        sum(orders.net_revenue) as net_revenue
    from orders
    inner join customers using (customer_id)
    group by all;

    create temp table months as
    select
        date_trunc('month', order_date)::date as month,
        count(distinct customer_id) filter (is_purchase) as customers,
        count(*) filter (is_purchase) as orders,
        sum(net_revenue) as net_revenue
    from orders
    group by all;
"""


def main(file: str, out: Path) -> None:
    """Write the three tables."""
    with duckdb.connect() as database:
        database.execute("set preserve_insertion_order = false")
        database.execute(ORDERS, {"file": file})
        database.execute(TABLES)
        for table in ("customers", "cohorts", "months"):
            database.execute(f"copy {table} to '{out / table}.parquet'")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
