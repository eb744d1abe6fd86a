"""Tables between DuckDB and Spark, as Arrow.

A time is one of UTC on either side: on Spark an instant, shown in the session's zone, which is
UTC; on DuckDB a timestamp without a zone.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_ZONE = "UTC"


def for_spark(table: pa.Table) -> pa.Table:
    """Return a table with its times as instants, in the microseconds that Spark counts in."""
    return _with_times(table, pa.timestamp("us", _ZONE))


def for_duckdb(table: pa.Table) -> pa.Table:
    """Return a table with its times as DuckDB's timestamps without a zone."""
    return _with_times(table, pa.timestamp("us"))


def _with_times(table: pa.Table, kind: Any) -> pa.Table:
    # Between a time of UTC and one without a zone Arrow changes the type alone.
    fields = [
        field.with_type(kind) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
