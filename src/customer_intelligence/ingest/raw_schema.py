"""The schema ``raw`` of the work database: what the models read of loads, shop and campaigns.

It is made anew at every dbt command and appears whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir.layout import CAMPAIGNS, RAW, ROWS_FILE
from customer_intelligence.ingest import do_not_contact
from customer_intelligence.ingest.pseudonyms import same_id_as_sql
from customer_intelligence.ingest.rules import (
    DEFAULTS,
    NO_CURRENCY,
    code_rules,
    description_rules,
    status_rules,
)
from customer_intelligence.quoting import path_literal

LOAD_COLUMNS = {
    "load_id": "varchar",
    "load_number": "integer",
    "source_file": "varchar",
    "file_sha256": "varchar",
    "records": "bigint",
    "pseudonym_key": "varchar",
    "loaded_at": "varchar",
}
RULE_COLUMNS = {
    "currency": "varchar",
    "cancellation_prefix": "varchar",
    "adjustment_prefix": "varchar",
    "negative_lines_are_returns": "boolean",
    "drops_copies": "boolean",
    "invoice_numbers_restart": "boolean",
    "believes_far_off_dates": "boolean",
}
CODE_COLUMNS = {
    "code_rule_rank": "integer",
    "stock_code": "varchar",
    "code_pattern": "varchar",
    "stock_code_class": "varchar",
}
DESCRIPTION_COLUMNS = {
    "description_rule_rank": "integer",
    "description_pattern": "varchar",
    "stock_code_class": "varchar",
}
STATUS_COLUMNS = {"status_word": "varchar", "status_class": "varchar"}
NOBODY_COLUMNS = {"customer_id": "varchar"}
# What loads lack that were made before there was such a column; null means "as before".
LATER_COLUMNS = {
    "consent": "varchar",
    "is_cancelled_order": "boolean",
    "order_status": "varchar",
    "refunded_amount": "decimal(18, 4)",
    "refunded_at": "timestamp",
    "is_refund_estimated": "boolean",
    "copy_number": "integer",
}
CLUSTER_COLUMNS = {
    "cluster_id": "integer",
    "days_since_last_order": "double",
    "frequency": "double",
    "net_revenue": "double",
}
HORIZON_COLUMNS = {"horizon_days": "integer", "as_of_date": "date"}
READ_COLUMNS = {
    "last_load_number": "integer",
    "first_invoice_date": "date",
    "last_invoice_date": "date",
    "as_of_date": "date",
}
ASSIGNMENT_COLUMNS = {
    "campaign": "varchar",
    "starts_on": "date",
    "customer_id": "varchar",
    "action": "varchar",
    "is_holdout": "boolean",
}


@dataclass(frozen=True)
class Shop:
    """What is built: where its lines are, what was loaded, and its rules."""

    words: str
    lines: str
    """A query without parameters."""
    manifests: Sequence[Mapping[str, Any]]
    rules: Mapping[str, Any]
    place: Path | None = None
    """The data directory with the loads; None for a relation, which may change in any part."""


def lines_of_loads(directory: Path, manifests: Sequence[Mapping[str, Any]]) -> str:
    """Write the query over all loads, named one by one: one that arrives later is not in it."""
    files = ", ".join(
        # Brackets in the name of a directory are not taken for a pattern.
        path_literal(directory / RAW / manifest["load_id"] / ROWS_FILE)
        for manifest in manifests
    )
    later = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in LATER_COLUMNS.items())
    return (
        f"select {later} where false union all by name "  # noqa: S608  # nosec
        f"select * from read_parquet([{files}], union_by_name = true)"
    )


def make_raw_schema(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    shop: Shop,
    previous_clusters: Sequence[tuple[object, ...]],
    previous_horizon: Sequence[tuple[object, ...]],
    already_read: Sequence[tuple[object, ...]],
    *,
    is_copied: bool,
) -> None:
    """Make the schema ``raw`` anew, in one transaction.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the work database, with no transaction open.
    data_dir : Path
    shop : Shop
        What is built.
    previous_clusters : sequence of tuple
        Id and centroid of each cluster that is published now.
    previous_horizon : sequence of tuple
        Churn window that is published now and its as-of day, or nothing.
    already_read : sequence of tuple
        Number of the last load that the tables of lines hold, and the span of days by which they
        were judged; empty where all lines are to be read.
    is_copied : bool
        Whether the lines are copied into a table, since they may change while they are read.

    Raises
    ------
    CustomerIntelligenceError
        E_DO_NOT_CONTACT or E_OTHER_KEY if the list of who must not be contacted cannot be used.
    """
    rules = {**DEFAULTS, **shop.rules}
    refused = do_not_contact.listed_ids(data_dir, shop.manifests)
    assignments = sorted(
        path for path in (data_dir / CAMPAIGNS).glob("*.parquet") if path.name[0] != "."
    )
    connection.begin()
    try:
        connection.execute("drop schema if exists raw cascade")
        connection.execute("create schema raw")
        kind = "table" if is_copied else "view"
        connection.execute(f"create {kind} raw.invoice_lines as {shop.lines}")
        _make_table(
            connection,
            "loads",
            LOAD_COLUMNS,
            [tuple(manifest.get(name) for name in LOAD_COLUMNS) for manifest in shop.manifests],
        )
        _make_table(
            connection,
            "shop_rules",
            RULE_COLUMNS,
            [
                (
                    rules["currency"] or NO_CURRENCY,
                    rules["cancellation_prefix"],
                    rules["adjustment_prefix"],
                    rules["negative_lines_are_returns"],
                    rules["copies"] == "drop",
                    rules["invoice_numbers"] == "restart",
                    rules["far_off_dates"] == "count",
                )
            ],
        )
        codes = [(rank, *rule) for rank, rule in enumerate(code_rules(rules), start=1)]
        _make_table(connection, "shop_codes", CODE_COLUMNS, codes)
        descriptions = [
            (rank, *rule) for rank, rule in enumerate(description_rules(rules), start=1)
        ]
        _make_table(connection, "shop_descriptions", DESCRIPTION_COLUMNS, descriptions)
        _make_table(connection, "shop_statuses", STATUS_COLUMNS, status_rules(rules))
        nobody = [(name,) for name in rules["nobody"]]
        _make_table(connection, "shop_nobody", NOBODY_COLUMNS, nobody)
        _make_table(connection, "previous_clusters", CLUSTER_COLUMNS, previous_clusters)
        _make_table(connection, "previous_horizon", HORIZON_COLUMNS, previous_horizon)
        _make_table(connection, "already_read", READ_COLUMNS, already_read)
        _make_table(connection, "do_not_contact_ids", {"customer_id": "varchar"}, [])
        if refused:
            connection.execute(
                "insert into raw.do_not_contact_ids select unnest($refused)", {"refused": refused}
            )
        # As the lines spell them.
        connection.execute(
            "create view raw.do_not_contact as select distinct customer_id "  # noqa: S608  # nosec
            f"from raw.invoice_lines where {same_id_as_sql('customer_id')} in "
            "(select customer_id from raw.do_not_contact_ids)"
        )
        if assignments:
            files = ", ".join(path_literal(path) for path in assignments)
            connection.execute(
                "create view raw.campaign_assignments as "  # noqa: S608  # nosec
                f"select * from read_parquet([{files}])"
            )
        else:
            _make_table(connection, "campaign_assignments", ASSIGNMENT_COLUMNS, [])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _make_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create table raw.{name} ({described})")
    if rows:
        places = ", ".join("?" for _ in columns)
        connection.executemany(f"insert into raw.{name} values ({places})", rows)  # noqa: S608  # nosec
