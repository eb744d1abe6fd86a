"""The schema ``raw`` on Spark: as start makes it in DuckDB, handed over table by table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir.layout import RAW, ROWS_FILE
from customer_intelligence.ingest.raw_schema import LATER_COLUMNS, Shop
from customer_intelligence.quoting import identifier
from customer_intelligence.spark.arrow import to_spark
from customer_intelligence.spark.session import spoken

LINES = "invoice_lines"


def hand_over(connection: duckdb.DuckDBPyConnection, session: Any, schema: str, lines: Any) -> None:
    """Write every table of the schema ``raw`` of DuckDB to a schema of Spark, and the lines.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With the schema ``raw``.
    session : SparkSession
    schema : str
        Name of the schema on Spark; made where there is none.
    lines : DataFrame
        Of Spark: the invoice lines.

    Raises
    ------
    CustomerIntelligenceError
        `E_SPARK`.
    """
    names = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'raw' "
        "and table_name <> $lines order by table_name",
        {"lines": LINES},
    ).fetchall()
    with spoken(
        f"Spark cannot take what a build starts from into its schema {schema}",
        "Correct the profile, or what Spark may write and read.",
    ):
        session.sql(f"create schema if not exists {schema}")
        for (name,) in names:
            rows = to_spark(session, connection.table(f"raw.{identifier(name)}"))
            _write(session, rows, f"{schema}.{name}")
        _write(session, lines, f"{schema}.{LINES}")


def _write(session: Any, frame: Any, name: str) -> None:
    # Where a table is replaced in place, a reader in between meets half of it or none.
    session.sql(f"drop table if exists {name}")
    frame.write.saveAsTable(name)


def lines_of_loads(session: Any, shop: Shop) -> Any:
    """Return the invoice lines of a data directory, which Spark reads itself.

    Parameters
    ----------
    session : SparkSession
    shop : Shop
        With a place: Spark must find it under the same path.

    Raises
    ------
    CustomerIntelligenceError
        `E_SPARK`.
    """
    if shop.place is None:
        raise ValueError("the lines of a relation are no files of a data directory")
    paths = [
        file_address(shop.place / RAW / manifest["load_id"] / ROWS_FILE)
        for manifest in shop.manifests
    ]
    with spoken(
        f"Spark cannot read the loads in {shop.place / RAW}",
        "Put the data directory where Spark finds it under the same path, or name a table of "
        "Spark as raw_relation.",
    ):
        frame = session.read.option("mergeSchema", "true").parquet(*paths)
        for name, kind in LATER_COLUMNS.items():
            if name not in frame.columns:
                frame = frame.selectExpr(
                    "*", f"cast(null as {'string' if kind == 'varchar' else kind}) as {name}"
                )
        return frame


def file_address(path: Path) -> str:
    """Return the address under which Spark opens one file, whatever its name holds."""
    return "file:" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path.absolute()))
