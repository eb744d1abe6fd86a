"""Load tables into the schema in which they wait for the swap."""

from __future__ import annotations

from psycopg import errors, sql

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.edition import Column, Edition, PublishedTable
from customer_intelligence.publication.postgres.database import (
    Database,
    Name,
    compose,
    name,
    words,
)
from customer_intelligence.publication.postgres.owned import INCOMING
from customer_intelligence.quoting import identifier

_BATCH = 10_000
_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(39)",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
}
_META = {
    "version": "text",
    "version_number": "bigint",
    "built_at": "timestamp",
    "as_of_date": "date",
    "schema_version": "integer",
    "invocation_id": "text",
    "tests_passed": "integer",
    "erasures_known": "integer",
}
_META_TABLES = {
    "table_schema": "text",
    "table_name": "text",
    "row_count": "bigint",
    "keys": "text[]",
    "foreign_keys": "text[]",
    "fingerprint": "text",
}
# What ends a field or a row of COPY's text format, or starts an escape.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def postgres_type(type_: str, where: str) -> str:
    """Return the type in Postgres that holds the same values as one of DuckDB.

    Raises
    ------
    CustomerIntelligenceError
        `E_TYPE` when none is known.

    Examples
    --------
    >>> postgres_type("DECIMAL(38,4)", "marts.fct_orders.net_revenue")
    'numeric(38,4)'
    """
    if type_.startswith("DECIMAL("):
        return type_.replace("DECIMAL", "numeric")
    if type_ not in _TYPES:
        raise CustomerIntelligenceError(
            "E_TYPE",
            f"{where} has the type {type_}, for which no type of Postgres is known.",
            "Cast it in the model.",
        )
    return _TYPES[type_]


def load(database: Database, edition: Edition, table: PublishedTable) -> None:
    """Load a table with its keys and descriptions.

    Raises
    ------
    CustomerIntelligenceError
        `E_TYPE` or `E_CHARACTER` for what the database cannot hold, `E_NOT_VERIFIED` when rows are
        missing.
    """
    types = {
        column.name: postgres_type(column.type, f"{table.full_name}.{column.name}")
        for column in table.columns
    }
    target = name(INCOMING, table.name)
    with database.connection.transaction():
        _create(database, target, types)
        _copy_rows(database, edition, table, target)
        is_primary = True
        for key in table.keys:
            parts = key.split(", ")
            # The first that always has a value.
            kind = "primary key" if is_primary and not edition.has_null(table, parts) else "unique"
            is_primary = is_primary and kind == "unique"
            columns = sql.SQL(", ").join(map(name, parts))
            database.run(f"alter table {{}} add {kind} ({{}})", target, columns)
        _comment(database, "table", target, table.description)
        for column in table.columns:
            whole = name(INCOMING, table.name, column.name)
            _comment(database, "column", whole, column.description)
        database.run("analyze {}", target)


def load_meta(database: Database, edition: Edition, fingerprints: dict[str, str]) -> None:
    """Load the tables in which the publication states what it is."""
    with database.connection.transaction():
        target = name(INCOMING, "_meta")
        _create(database, target, {**_META, "published_at": "timestamptz"})
        ((now,),) = database.run("select current_timestamp")
        facts = [edition.facts[fact] for fact in _META]
        _copy_values(database, target, [[*facts, now]])
        text = "One row: the version. Which build published it, and as of which day."
        _comment(database, "table", target, text)
    with database.connection.transaction():
        target = name(INCOMING, "_meta_tables")
        _create(database, target, _META_TABLES)
        rows: list[list[object]] = [
            [
                *(table.schema, table.name, table.rows, list(table.keys)),
                *(list(table.foreign_keys), fingerprints[table.full_name]),
            ]
            for table in edition.tables
        ]
        _copy_values(database, target, rows)
        text = (
            "One row for each published table: its rows, keys and foreign keys, and a hash by "
            "which a table that did not change is known."
        )
        _comment(database, "table", target, text)


def _create(database: Database, target: Name, types: dict[str, str]) -> None:
    columns = [compose(f"{{}} {kind}", name(column)) for column, kind in types.items()]
    database.run("create table {} ({})", target, sql.SQL(", ").join(columns))


def _copy_rows(database: Database, edition: Edition, table: PublishedTable, target: Name) -> None:
    fields = ", ".join(map(_field, table.columns))
    lines = edition.connection.execute(
        f"select concat_ws(chr(9), {fields}) from {table.relation}"  # noqa: S608  # nosec
    )
    try:
        with database.connection.cursor() as cursor:
            with cursor.copy(compose("copy {} from stdin with (freeze)", target)) as copy:
                while batch := lines.fetchmany(_BATCH):
                    copy.write("".join(f"{line}\n" for (line,) in batch).encode())
            count = cursor.rowcount
    except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter) as error:
        raise CustomerIntelligenceError(
            "E_CHARACTER",
            f"A text of {table.full_name} holds a character that the database cannot hold: "
            f"{words(error)}.",
            "Correct it in the source; the database should have the encoding UTF8.",
        ) from error
    if count != table.rows:
        raise CustomerIntelligenceError(
            "E_NOT_VERIFIED",
            f"{count:,} of the {table.rows:,} rows of {table.full_name} arrived.",
            "Publish again.",
        )


def _field(column: Column) -> str:
    """Write the expression of a value as a field of COPY's text format."""
    text = f"cast({identifier(column.name)} as varchar)"
    if column.type == "VARCHAR":
        for sign, escaped in _ESCAPES:
            text = f"replace({text}, chr({ord(sign)}), '{escaped}')"
    return f"coalesce({text}, '\\N')"


def _copy_values(database: Database, target: Name, rows: list[list[object]]) -> None:
    statement = compose("copy {} from stdin with (freeze)", target)
    with database.connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _comment(database: Database, kind: str, target: Name, text: str) -> None:
    if text:
        database.run(f"comment on {kind} {{}} is {{}}", target, sql.Literal(text))
