"""Tables of connectors as one relation, recognised by the names of the tables in a schema.

A connector is two files of this folder. ``<name>.sql`` is a query over its tables that gives one
row per invoice line. ``<name>.yml`` has the keys

- ``tables``: each table that the query reads, with its columns and their types. A ``?`` after a
  type: such a column may be missing, and is null then.
- ``required``: tables without which a schema is not the connector's. The others may be missing,
  and are empty then.
- ``needed_when``: for a table that may be missing, a query that gives a row where that cannot be.
- ``timezone``: the table and column that name the shop's zone.
- ``mapping``: how the rows of the query are read, with the keys of mapping.yml.
"""

import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.mapping import SourceMapping, mapping_of
from customer_intelligence.ingest.yaml_files import read_yaml
from customer_intelligence.quoting import identifier

FOLDER = Path(__file__).parent


class Connected(NamedTuple):
    """The tables of a connector as one relation."""

    query: str
    """In parentheses."""
    mapping: SourceMapping


def names() -> list[str]:
    """Return the names of the connectors."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def find(
    connection: duckdb.DuckDBPyConnection,
    schema: Sequence[str],
    stated: Mapping[str, Any] | None = None,
) -> Connected | None:
    """Return the relation that the tables of a schema make; None where no connector left them.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the schema is.
    schema : sequence of str
        Its name, or that of its database, or both.
    stated : mapping, optional
        Keys of mapping.yml that go before those of the connector.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_RELATION` when a table or column is missing without which money would be wrong, or
        nothing names the shop's time zone; `E_BAD_MAPPING`.
    """
    found = _columns(connection, schema)
    for name in names():
        content = read_yaml(FOLDER / f"{name}.yml", "E_BAD_MAPPING")
        if set(content["required"]) <= {table for _, _, table in found}:
            return _connected(connection, name, content, found, stated or {})
    return None


Found = Mapping[tuple[str, str, str], set[str]]
"""Database, schema and table, the last in lower case, to the columns, in lower case."""


def _columns(connection: duckdb.DuckDBPyConnection, schema: Sequence[str]) -> Found:
    *database, last = schema
    rows = connection.execute(
        """
        select database_name, schema_name, lower(table_name), list(lower(column_name))
        from duckdb_columns()
        where
            if(
                $database is null,
                lower(schema_name) = lower($last) and database_name = current_database()
                or lower(database_name) = lower($last) and schema_name = 'main',
                lower(database_name) = lower($database) and lower(schema_name) = lower($last)
            )
        group by all
        order by all
        """,
        {"database": ".".join(database) or None, "last": last},
    ).fetchall()
    return {(base, name, table): set(columns) for base, name, table, columns in rows}


def _connected(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    content: Mapping[str, Any],
    found: Found,
    stated: Mapping[str, Any],
) -> Connected:
    places = {table: key for key in found for table in [key[2]]}
    parts = []
    for table, columns in content["tables"].items():
        place = places.get(table)
        kinds = {column: kind.removesuffix("?") for column, kind in columns.items()}
        if place is None:
            values = (f"cast(null as {kind}) as {column}" for column, kind in kinds.items())
            parts.append(f"{identifier(table)} as (select {', '.join(values)} where false)")
            continue
        missing = [column for column in columns if column not in found[place]]
        if lacking := [column for column in missing if not columns[column].endswith("?")]:
            raise _bad(
                name, f"table {table} has no column {', '.join(lacking)}", "Sync it as well."
            )
        values = (
            f"cast({'null' if column in missing else identifier(column)} as {kind}) as {column}"
            for column, kind in kinds.items()
        )
        quoted = ".".join(map(identifier, place))
        parts.append(f"{identifier(table)} as (select {', '.join(values)} from {quoted})")  # noqa: S608  # nosec
    tables = f"with {', '.join(parts)} "
    for table, query in content.get("needed_when", {}).items():
        if table not in places and connection.execute(tables + query).fetchone() is not None:
            raise _bad(name, f"table {table} is missing, and its money with it", "Sync it as well.")
    merged = _merged(content["mapping"], stated)
    if merged.get("timezone") is None:
        merged["timezone"] = _zone(connection, name, content["timezone"], tables)
    query = (FOLDER / f"{name}.sql").read_text("utf-8")
    rows = f"({tables}select * from ({query}))"  # noqa: S608  # nosec
    return Connected(rows, mapping_of(merged, f"{name}.yml"))


def _merged(said: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the connector's mapping, with the shop's own keys in place of its defaults."""
    return {
        key: {**said[key], **stated[key]}
        if isinstance(said.get(key), Mapping) and isinstance(stated.get(key), Mapping)
        else stated.get(key, said.get(key))
        for key in [*said, *(key for key in stated if key not in said)]
    }


def _zone(
    connection: duckdb.DuckDBPyConnection, name: str, place: Mapping[str, str], tables: str
) -> str:
    """Return the time zone of the shop, from the table that names it."""
    column, table = place["column"], identifier(place["table"])
    query = f"select distinct {column} from {table} where {column} <> ''"  # noqa: S608  # nosec
    zones: list[str] = [zone for (zone,) in connection.execute(tables + query).fetchall()]
    if len(zones) == 1 and zones[0] in zoneinfo.available_timezones():
        return zones[0]
    raise _bad(
        name,
        f"times are in UTC, and {place['table']}.{column} does not name the shop's one zone",
        "Write `timezone: Area/City` in mapping.yml of the data directory.",
    )


def _bad(name: str, what: str, hint: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError("E_BAD_RELATION", f"The tables of {name}: {what}.", hint)
