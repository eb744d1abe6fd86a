"""Python models on Spark: dbt's process runs them, on relations of a DuckDB in memory.

The models ask for relations that can be ordered, filtered and joined, as DuckDB's can. Each table
that a model asks for passes through this process whole, and so does what the model returns.
"""

from __future__ import annotations

from typing import Any

import duckdb

from customer_intelligence.data_dir.memory import memory_limit
from customer_intelligence.spark.arrow import from_spark, to_spark


def run(session: Any, compiled_code: str, relation: str) -> None:
    """Run a compiled Python model and write what it returns as a table.

    Parameters
    ----------
    session : SparkSession
    compiled_code : str
        As dbt compiles a Python model: it defines `model` and `dbtObj`.
    relation : str
        Name of the table to write; nothing has this name yet.
    """
    # A connection for each model: the default one is no good to two threads.
    with duckdb.connect(config={"memory_limit": memory_limit()}) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def load(name: str) -> duckdb.DuckDBPyRelation:
            return connection.from_arrow(from_spark(session.table(name)))

        model: dict[str, Any] = {"__name__": "dbt_python_model"}
        # The code of the project's own models, as dbt-duckdb runs it.
        exec(compile(compiled_code, relation, "exec"), model)  # noqa: S102  # nosec
        returned = model["model"](model["dbtObj"](load), session)
        connection.register("returned", returned)
        # DuckDB gives the columns the types that they have where it builds the project itself.
        to_spark(session, connection.table("returned")).write.saveAsTable(relation)
