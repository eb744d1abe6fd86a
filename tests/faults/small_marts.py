"""Marts of a few rows: all that a publication and its summary read."""

from __future__ import annotations

import duckdb

from customer_intelligence.publication.publish import SCHEMAS, Build, Table

TABLES = {
    "build_info": "select null::varchar as version, null::timestamp as built_at, "
    "date '2011-12-09' as as_of_date, 4 as schema_version, null::integer as tests_passed, "
    "'GBP' as currency, 'net' as cleaning_policy, null::varchar as churn_scoring_model, "
    "90 as churn_horizon_days, null::integer as previous_churn_horizon_days, "
    "{orders}::bigint as rows_in, 0::bigint as rows_quarantined",
    "fct_orders": "select range as order_id, hash(range) / 1e9 as amount, "
    "repeat('text', range % 50) as words from range({orders})",
    "dim_customers": "select range as customer_id from range({orders} // 3)",
    "rpt_kpis": "select unnest(['customers', 'net_revenue', 'customer_net_revenue']) as kpi, "
    "{orders}::double as value",
    "rpt_segments": "select 'All' as segment, 1 as customers, 1.0::double as net_revenue_share, "
    "1 as segment_rank",
    "rpt_churn_metrics": "select ''::varchar as model, ''::varchar as metric, ''::varchar as "
    "population, 0.5::double as value, 0.4::double as ci_low, 0.6::double as ci_high limit 0",
    "rpt_churn_rolling_origins": "select ''::varchar as model, 0.5::double as roc_auc limit 0",
    "rpt_churn_horizon": "select 90 as horizon_days, true as is_chosen, 'rule' as chosen_by",
    "rpt_loads": "select '0001-abc' as load_id",
    "rpt_model_status": "select 'churn' as model, 'ok' as model_status, 'Fine.' as explanation",
    "rpt_drift": "select 'x' as subject_label, 'steady' as status, '' as sentence, 'k' as kind, "
    "'x' as subject",
    "rpt_line_dispositions": "select 'sale' as disposition, 'Sales' as label, 'revenue' as "
    "counts_in, {orders}::bigint as lines, {orders}::decimal(38, 4) as amount, 1 as rule_order",
    "rpt_quarantine": "select ''::varchar as reason, 0::bigint as records, "
    "0::decimal(38, 4) as amount limit 0",
    "rpt_order_statuses": "select ''::varchar as order_status, ''::varchar as status_class, "
    "0::bigint as invoices, 0::decimal(38, 4) as amount limit 0",
    "rpt_changes": "select ''::varchar as customer_id, ''::varchar as attribute, ''::varchar as "
    "cause, date '2011-12-09' as previous_as_of_date limit 0",
    "fct_returns": "select false as is_estimated, 0::decimal(38, 4) as amount limit 0",
    "rpt_insights": "select 'who_to_contact_first' as insight, 'Act.' as finding, "
    "1 as insight_order",
}


def fill(connection: duckdb.DuckDBPyConnection, orders: int) -> None:
    """Put marts of so many orders into the schema `marts` of a work database."""
    connection.execute("create schema if not exists marts")
    for name, query in TABLES.items():
        connection.execute(f"create or replace table marts.{name} as {query.format(orders=orders)}")


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    """Return what to publish of a work database: all tables of the schemas that are published."""
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where schema_name in (select unnest(?)) order by all",
        [SCHEMAS],
    ).fetchall()
    return [Table(name, f'"{schema}"."{name}"', schema=schema) for schema, name in found]


def build(number: int, **options: object) -> Build:
    """Return a build that began in second `number` of a minute."""
    values = {
        "number": number,
        "started_at": f"2026-01-01 00:00:{number % 60:02d}",
        "invocation_id": f"{number:08x}-0000-0000-0000-000000000000",
        "tests_passed": 7,
    }
    return Build(**{**values, **options})
