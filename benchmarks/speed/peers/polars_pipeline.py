"""The same tables with polars: `python polars_pipeline.py INVOICES.parquet OUT`."""

import sys
from pathlib import Path

import polars as pl


def main(file: str, out: Path) -> None:
    """Write the three tables."""
    day, is_purchase = pl.col("order_date"), pl.col("is_purchase")
    orders = (
        pl.scan_parquet(file)
        .group_by(invoice_no="InvoiceNo", customer_id="CustomerID")
        .agg(
            order_date=pl.col("InvoiceDate").min().dt.date(),
            net_revenue=(pl.col("Quantity") * pl.col("UnitPrice")).sum(),
        )
        .with_columns(is_purchase=~pl.col("invoice_no").str.starts_with("C"))
        .collect()
    )
    of_customers = orders.filter(pl.col("customer_id").is_not_null())
    customers = (
        of_customers.group_by("customer_id")
        .agg(
            days_since_last_order=(
                pl.lit(orders["order_date"].max()) - day.filter(is_purchase).max()
            ).dt.total_days(),
            orders=is_purchase.sum(),
            net_revenue=pl.col("net_revenue").sum(),
            cohort_month=day.filter(is_purchase).min().dt.truncate("1mo"),
        )
        .filter(pl.col("orders") > 0)
    )
    counted = {
        "orders": is_purchase.sum(),
        "net_revenue": pl.col("net_revenue").sum(),
    }
    buyers = pl.col("customer_id").filter(is_purchase)
    cohorts = (
        of_customers.join(customers.select("customer_id", "cohort_month"), on="customer_id")
        .group_by("cohort_month", activity_month=day.dt.truncate("1mo"))
        .agg(active_customers=buyers.n_unique(), **counted)
    )
    months = orders.group_by(month=day.dt.truncate("1mo")).agg(
        customers=buyers.drop_nulls().n_unique(), **counted
    )
    customers.write_parquet(out / "customers.parquet")
    cohorts.write_parquet(out / "cohorts.parquet")
    months.write_parquet(out / "months.parquet")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
