"""A relation of Spark as the shop's lines: it has the columns of the raw layer already.

On DuckDB a relation is recognised, surveyed and read by a query of DuckDB. Where lines stay on
Spark, a view there says which column is what; here they are typed and checked as far as types
leave something to check.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir.layout import DO_NOT_CONTACT_FILE, SHOP_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.raw_schema import LATER_COLUMNS, Shop
from customer_intelligence.ingest.shop import read_shop
from customer_intelligence.spark.session import spoken

# Names and types of the columns that hold a shop's lines; Spark's names of types.
NEEDED = {
    "record_number": "bigint",
    "invoice_no": "string",
    "invoiced_at": "timestamp",
    "quantity": "decimal(18, 4)",
    "unit_price": "decimal(18, 4)",
}
OPTIONAL = {
    "line_number": "bigint",
    "stock_code": "string",
    "description": "string",
    "line_amount": "decimal(18, 4)",
    "customer_id": "string",
    "country": "string",
    "raw_record": "string",
    **{name: "string" if kind == "varchar" else kind for name, kind in LATER_COLUMNS.items()},
}
EARLIEST = "timestamp '1990-01-01'"


def shop_of_table(
    connection: duckdb.DuckDBPyConnection,
    session: Any,
    data_dir: Path,
    relation: str,
    latest: dt.datetime,
) -> tuple[Shop, Any]:
    """Return the shop of a relation of Spark, and its lines there.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the schema ``raw`` will be made.
    session : SparkSession
    data_dir : Path
    relation : str
        Name of a table or view, or, with a slash, the address of Parquet files.
    latest : datetime
        Lines dated later have the reason R_FUTURE_DATE.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_RELATION` where it lacks a column, `E_SPARK` where Spark cannot read it; what is
        wrong with `shop.yml`.
    """
    with spoken(
        f"The raw_relation {relation} cannot be read",
        "Name a table or view of Spark, or the address of Parquet files that it can read.",
    ):
        found = session.read.parquet(relation) if "/" in relation else session.table(relation)
        columns = set(found.columns)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise CustomerIntelligenceError(
            "E_BAD_RELATION",
            f"The raw_relation {relation} lacks the columns {', '.join(missing)}.",
            "On Spark the columns have the names of the raw layer (docs/scale.md): give them such "
            "names in a view on Spark, and name that.",
        )
    frame = found.selectExpr(*_expressions(relation, columns, latest))
    rules = read_shop(data_dir)
    words = f"the relation {relation} on Spark"
    if rules is None:
        words += f" (without {data_dir / SHOP_FILE}: every code is merchandise, signs decide)"
    load = {"load_id": relation, "load_number": 1, "source_file": relation}
    # What DuckDB looks up in the lines is which of the customers that are listed they know.
    if "customer_id" in columns and (data_dir / DO_NOT_CONTACT_FILE).exists():
        known = found.selectExpr("cast(customer_id as string) as customer_id").distinct().toArrow()
        connection.register("known_customers", known)
        connection.execute("create table known as select customer_id from known_customers")
        connection.unregister("known_customers")
    else:
        connection.execute("create table known (customer_id varchar)")
    return Shop(words, "select customer_id from known", [load], rules or {}), frame


def _expressions(relation: str, columns: set[str], latest: dt.datetime) -> list[str]:
    """Write the columns of the raw layer, in SQL of Spark."""
    name = relation.replace("\\", "\\\\").replace("'", "\\'")
    typed = [
        "cast(1 as int) as load_number",
        f"'{name}' as load_id",
        f"'{name}' as source_file",
        "cast(null as string) as file_sha256",
        *(f"try_cast({column} as {kind}) as {column}" for column, kind in NEEDED.items()),
        *(
            f"try_cast({column if column in columns else 'null'} as {kind}) as {column}"
            for column, kind in OPTIONAL.items()
        ),
    ]
    moment = "try_cast(invoiced_at as timestamp)"
    reasons = {
        "nullif(trim(try_cast(invoice_no as string)), '') is null": "R_INVOICE_NO",
        "try_cast(quantity as decimal(18, 4)) is null": "R_QUANTITY",
        "try_cast(unit_price as decimal(18, 4)) is null": "R_UNIT_PRICE",
        f"{moment} is null": "R_INVOICE_DATE",
        f"{moment} < {EARLIEST}": "R_DATE_RANGE",
        f"{moment} > timestamp '{latest:%Y-%m-%d %H:%M:%S}'": "R_FUTURE_DATE",
    }
    checks = ", ".join(f"case when {fails} then '{why}' end" for fails, why in reasons.items())
    return [*typed, f"filter(array({checks}), reason -> reason is not null) as reasons"]
