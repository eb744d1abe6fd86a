"""The bundled sample, built whole on Spark: readers cannot tell it from DuckDB's."""

from __future__ import annotations

from pathlib import Path

import duckdb
from compare import attach, differences, tables
from conftest import ROOT, SCHEMA

from customer_intelligence.data_dir.layout import CURRENT, DATABASE, PUBLISHED
from customer_intelligence.spark.arrow import from_spark

WORK = Path("build") / "warehouse.duckdb"


def published(data_dir: Path) -> Path:
    return data_dir / PUBLISHED / CURRENT / DATABASE


def test_every_published_table_is_the_same(on_duckdb, on_spark):
    with duckdb.connect() as connection:
        attach(connection, published(on_duckdb), published(on_spark))
        ours, theirs = tables(connection, "ours"), tables(connection, "theirs")
        assert ours == theirs
        assert len(ours) > 40
        found = [
            line for table, key in ours.items() for line in differences(connection, table, key)
        ]
    assert found == [], "\n".join(found)


def test_seeds_keep_apostrophes_nulls_and_their_order(on_duckdb, on_spark, session):
    seeds = sorted(path.stem for path in (ROOT / "seeds").glob("*.csv"))
    assert len(seeds) > 5
    with duckdb.connect(str(on_duckdb / WORK), read_only=True) as connection:
        for seed in seeds:
            arrived = connection.from_arrow(from_spark(session.table(f"{SCHEMA}_reference.{seed}")))
            expected = connection.table(f"reference.{seed}")
            assert arrived.fetchall() == expected.fetchall(), seed
            assert arrived.columns == expected.columns


def test_what_is_published_says_what_it_is(on_duckdb, on_spark):
    """Comments, and what the publication says of itself, come from the same code."""
    said = []
    for data_dir in (on_duckdb, on_spark):
        with duckdb.connect(str(published(data_dir)), read_only=True) as marts:
            said.append(
                marts.execute(
                    "select schema_name, table_name, column_name, comment from duckdb_columns() "
                    "where not internal order by all"
                ).fetchall()
                + marts.execute("select tests_passed, erasures_known from _meta").fetchall()
            )
    assert said[0] == said[1]
