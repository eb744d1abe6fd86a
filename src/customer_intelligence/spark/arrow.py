"""Tables between DuckDB and Spark, as Arrow.

A time is one of UTC on either side: on Spark an instant, shown in the session's zone, which is
UTC; on DuckDB a timestamp without a zone.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema

_ZONE = "UTC"


def to_spark(session: Any, relation: duckdb.DuckDBPyRelation) -> Any:
    """Return a data frame of Spark with the rows of a relation of DuckDB.

    Parameters
    ----------
    session : SparkSession
    relation : DuckDBPyRelation
    """
    table = _with_times(relation.to_arrow_table(), pa.timestamp("us", _ZONE))
    # Spark does not ask a table without rows for its types.
    schema = None if table.num_rows else from_arrow_schema(table.schema, False)
    return session.createDataFrame(table, schema=schema)


def from_spark(frame: Any) -> pa.Table:
    """Return the rows of a data frame of Spark, as DuckDB takes them.

    Parameters
    ----------
    frame : DataFrame
    """
    return _with_times(frame.toArrow(), pa.timestamp("us"))


def _with_times(table: pa.Table, kind: Any) -> pa.Table:
    # Between a time of UTC and one without a zone Arrow changes the type alone.
    fields = [
        field.with_type(kind) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
