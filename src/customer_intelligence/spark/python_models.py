"""Python models on Spark: dbt's process runs them, on relations of a DuckDB in memory.

The models ask for relations that can be ordered, filtered and joined, as DuckDB's can. Each table
that a model asks for passes through this process whole, and so does what the model returns.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import tempfile
from pathlib import Path
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

        model = _module(compiled_code)
        returned = model.model(model.dbtObj(load), session)
        connection.register("returned", returned)
        # DuckDB gives the columns the types that they have where it builds the project itself.
        to_spark(session, connection.table("returned")).write.saveAsTable(relation)


def _module(compiled_code: str) -> Any:
    """Import the code of a model from a file, as dbt-duckdb does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.py")
        path.write_text(compiled_code, "utf-8")
        loader = importlib.machinery.SourceFileLoader("dbt_python_model", str(path))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        if spec is None:
            raise ImportError(f"{path} is no module")
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    return module
