"""Two published files, table by table: texts, numbers and days to the letter, floats to 1e-9."""

from __future__ import annotations

from pathlib import Path

import duckdb

from customer_intelligence.quoting import identifier, literal

FLOATS = ("DOUBLE", "FLOAT")
CLOSE = 1e-9
# What tells one build from the other.
OF_THE_BUILD = {"build_info": {"version", "built_at"}}


def attach(connection: duckdb.DuckDBPyConnection, ours: Path, theirs: Path) -> None:
    """Attach the two files as `ours` and `theirs`."""
    for name, path in (("ours", ours), ("theirs", theirs)):
        connection.execute(f"attach {literal(str(path))} as {name} (read_only)")


def tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """Return the published tables as schema.name, each with the columns of its first key."""
    rows = connection.execute(
        f"select table_schema, table_name, keys from {database}._meta_tables"
    ).fetchall()
    return {f"{schema}.{name}": keys[0].split(", ") if keys else [] for schema, name, keys in rows}


def differences(connection: duckdb.DuckDBPyConnection, table: str, key: list[str]) -> list[str]:
    """Return in words what differs between the two files' tables of a name.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With `ours` and `theirs`.
    table : str
        As schema.name.
    key : list of str
        Columns that no two rows share; without any, rows are sorted by all columns.
    """
    described = [
        connection.execute(f"describe {database}.{table}").fetchall()
        for database in ("ours", "theirs")
    ]
    types, others = ({name: kind for name, kind, *_ in rows} for rows in described)
    if types != others:
        apart = sorted(set(types.items()) ^ set(others.items()))
        return [f"{table} has other columns: {apart}"]
    left_out = OF_THE_BUILD.get(table.partition(".")[2], set())
    compared = {name: kind for name, kind in types.items() if name not in left_out}
    exact = ", ".join(identifier(name) for name, kind in compared.items() if kind not in FLOATS)
    found = []
    for here, there in (("ours", "theirs"), ("theirs", "ours")):
        only = connection.execute(
            f"select {exact} from {here}.{table} except all select {exact} from {there}.{table} "
            "limit 3"
        ).fetchall()
        found += [f"{table}: only {here} has {row}" for row in only]
    floats = [name for name, kind in compared.items() if kind in FLOATS]
    if floats and not found:
        found += _floats(connection, table, floats, key, list(compared))
    return found


def _floats(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    floats: list[str],
    key: list[str],
    columns: list[str],
) -> list[str]:
    order = ", ".join(identifier(name) for name in (*columns,))
    if key:
        same = " and ".join(
            f"a.{identifier(n)} is not distinct from b.{identifier(n)}" for n in key
        )
        pairs = f"ours.{table} as a join theirs.{table} as b on {same}"
    else:
        numbered = "(select *, row_number() over (order by {order}) as place from {name}.{table})"
        left, right = (
            numbered.format(order=order, name=name, table=table) for name in ("ours", "theirs")
        )
        pairs = f"{left} as a join {right} as b on a.place = b.place"
    measures = ", ".join(
        f"count(*) filter (where not coalesce(a.{name} = b.{name} or abs(a.{name} - b.{name}) "
        f"<= {CLOSE} * greatest(1, abs(a.{name})), a.{name} is null and b.{name} is null)), "
        f"max(abs(a.{name} - b.{name}) / greatest(1, abs(a.{name})))"
        for name in map(identifier, floats)
    )
    joined, *values = connection.execute(f"select count(*), {measures} from {pairs}").fetchone()
    ((rows,),) = connection.execute(f"select count(*) from ours.{table}").fetchall()
    found = [f"{table}: {joined} of {rows} rows have a partner"] if joined != rows else []
    for name, apart, worst in zip(floats, values[::2], values[1::2], strict=True):
        if apart:
            found.append(f"{table}.{name}: {apart} of {rows} differ, by {worst} at most")
    return found
