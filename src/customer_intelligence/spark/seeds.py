"""Seeds on Spark: the rows of their files, as DuckDB reads them.

dbt's own reading takes the word "null" for nothing and dbt-spark writes nothing as the word "None";
a text with an apostrophe ends its statement. DuckDB reads a seed by itself, and so it does here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.spark.arrow import to_spark


def load(session: Any, path: Path, relation: str) -> None:
    """Add the rows of a CSV file to a table of Spark.

    Parameters
    ----------
    session : SparkSession
    path : Path
        With a header.
    relation : str
        Name of the table; it has the columns of the file, in their order.
    """
    with duckdb.connect() as connection:
        texts = connection.read_csv(
            str(path), header=True, sep=",", quotechar='"', escapechar='"', all_varchar=True
        )
        typed = [
            f"cast(`{field.name}` as {field.dataType.simpleString()}) as `{field.name}`"
            for field in session.table(relation).schema.fields
        ]
        # In one file, whose rows come back in their order: that of the features is theirs.
        to_spark(session, texts).selectExpr(*typed).coalesce(1).write.insertInto(relation)
