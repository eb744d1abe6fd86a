"""What published marts hold, as numbers that can be compared."""

from __future__ import annotations

import duckdb

# What a build says of itself, and what it says of the version before it.
OF_THE_BUILD = {"build_info", "rpt_changes"}
Fingerprint = dict[str, tuple[int, str]]
"""Rows and a hash of them, in any order, for each table; doubles count to nine decimals, and to
twelve digits: what sums of money add in another order differs in the sixteenth."""
DOUBLE = 'round("{0}", least(9, 11 - floor(log10(greatest(abs("{0}"), 1e-9)))::integer))'


def fingerprint(marts: duckdb.DuckDBPyConnection) -> Fingerprint:
    """Return the fingerprint of all published tables but those of the build."""
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, mart, column, kind in marts.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where not internal and schema_name != 'main' order by table_name, column_index"
    ).fetchall():
        expression = DOUBLE.format(column) if kind == "DOUBLE" else f'"{column}"'
        columns.setdefault((schema, mart), []).append(expression)
    queries = [
        f"select '{mart}', count(*), coalesce(sum(hash({', '.join(expressions)})::hugeint), 0)"
        f'::varchar from "{schema}"."{mart}"'
        for (schema, mart), expressions in columns.items()
        if mart not in OF_THE_BUILD
    ]
    return {
        mart: (rows, hashed)
        for mart, rows, hashed in marts.execute(" union all ".join(queries)).fetchall()
    }


def differing(first: Fingerprint, second: Fingerprint) -> list[str]:
    """Return the marts that are not the same in both."""
    return sorted(name for name in first.keys() | second if first.get(name) != second.get(name))


def stated_rows(marts: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the rows that `_meta_tables` states for each table."""
    return dict(marts.execute("select table_name, row_count from main._meta_tables").fetchall())


def version(marts: duckdb.DuckDBPyConnection) -> str:
    """Return the version that the marts say they are."""
    return marts.execute("select version from marts.build_info").fetchone()[0]
