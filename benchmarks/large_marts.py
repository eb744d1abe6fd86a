"""Make the marts of a large shop out of those of a small one, to measure the dashboard on.

Run as `python -m benchmarks.large_marts --customers 1000000 --out DIR` after `make build`. Every
customer of the build is copied, with its orders, reasons, due products and action, as often as it
takes. The copies differ: money by a factor, the days since the last order by some days, country and
risk by what other customers have. Cube and sample are made of them by the project's own SQL. All
other marts are those of the build, so this is a shop for the dashboard's speed and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import duckdb

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import DATABASE
from customer_intelligence.publication.reader import current_version

ROOT = Path(__file__).parents[1]
# A number from 0 to 1 out of the copy's id, for each purpose another.
UNIFORM = "(hash(customer_id || '{}') % 1000003) / 1000003.0"
CUSTOMERS = f"""
    create or replace table dim_customers as
    with donors as (
        select row_number() over (order by customer_id) - 1 as donor, country, churn_risk
        from dim_customers
    ),
    copies as (
        select * replace (customer_id || '-' || copy as customer_id)
        from dim_customers cross join range({{copies}}) as copy (copy)
    ),
    drawn as (
        select
            *,
            exp({UNIFORM.format("money")} - 0.5) as factor,
            floor(21 * {UNIFORM.format("days")})::integer - 10 as shift,
            floor({{customers}} * {UNIFORM.format("country")})::bigint as country_donor,
            floor({{customers}} * {UNIFORM.format("risk")})::bigint as risk_donor,
            {UNIFORM.format("moves")} as moves
        from copies
    )
    select drawn.* exclude (copy, factor, shift, country_donor, risk_donor, moves) replace (
        (drawn.net_revenue * factor)::decimal(38, 4) as net_revenue,
        (drawn.value_at_risk * factor)::decimal(38, 4) as value_at_risk,
        greatest(0, drawn.days_since_last_order + shift)::integer as days_since_last_order,
        countries.country as country,
        case when moves < 0.1 then risks.churn_risk else drawn.churn_risk end as churn_risk
    )
    from drawn
    inner join donors as countries on drawn.country_donor = countries.donor
    inner join donors as risks on drawn.risk_donor = risks.donor
    order by drawn.customer_id
"""
COPIED = """
    create or replace table {mart} as
    select * exclude (copy) replace (customer_id || '-' || copy as customer_id)
    from {mart} cross join range({copies}) as copy (copy)
    order by {order}
"""
ACTIONS = """
    create or replace table fct_customer_actions as
    select copied.* exclude (copy) replace (
        customers.customer_id as customer_id,
        customers.segment as segment,
        customers.churn_risk as churn_risk,
        customers.country as country,
        customers.value_at_risk as value_at_risk,
        row_number() over (
            order by customers.value_at_risk desc nulls last, customers.customer_id
        )::integer as priority
    )
    from (select * from fct_customer_actions cross join range({copies}) as copy (copy)) as copied
    inner join dim_customers as customers
        on copied.customer_id || '-' || copied.copy = customers.customer_id
    order by priority
"""
COMPILED = Path("build/target/compiled/customer_intelligence/models/evidence/customers")
# Each with the order in which the build leaves it.
PER_CUSTOMER = {
    "fct_churn_reasons": "customer_id, reason_rank",
    "fct_due_products": "customer_id, stock_code",
    "fct_orders": "ordered_at, order_id",
}


def enlarge(data_dir: Path, out: Path, customers: int) -> Path:
    """Publish the enlarged marts in a data directory of their own, and return the file.

    Parameters
    ----------
    data_dir : Path
        Of a build.
    out : Path
        The new data directory.
    customers : int
        How many there should be, at least.
    """
    if out.resolve() == data_dir.resolve():
        raise SystemExit(f"{out} holds the marts that are to be copied: name another directory.")
    version = current_version(data_dir)
    folder = out / "published"
    folder.mkdir(parents=True, exist_ok=True)
    files.remove(folder / version)
    shutil.copytree(data_dir / "published" / version, folder / version)
    path = folder / version / DATABASE
    path.chmod(0o644)
    with duckdb.connect(str(path)) as marts:
        marts.execute("set search_path = 'marts,evidence'")
        (known,) = marts.execute("select count(*) from dim_customers").fetchone()
        copies = -(-customers // known)
        marts.execute(CUSTOMERS.format(copies=copies, customers=known))
        for mart, order in PER_CUSTOMER.items():
            marts.execute(COPIED.format(mart=mart, copies=copies, order=order))
        marts.execute(ACTIONS.format(copies=copies))
        for mart in ("customer_cube", "customer_sample"):
            sql = (data_dir / COMPILED / f"{mart}.sql").read_text("utf-8")
            sql = sql.replace('"warehouse"."marts"."dim_customers"', "dim_customers")
            marts.execute(f"create or replace table evidence.{mart} as {sql}")
    files.link_durably(folder / "current", version)
    return path


def main() -> None:
    """Make the marts and say how large they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data" / "local")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--customers", type=int, required=True)
    options = parser.parse_args()
    path = enlarge(options.data_dir, options.out, options.customers)
    print(f"{path}: {path.stat().st_size / 2**20:,.0f} MB")


if __name__ == "__main__":
    main()
