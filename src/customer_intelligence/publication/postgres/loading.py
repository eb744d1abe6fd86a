"""Load tables into the schema in which they wait for the swap."""

from __future__ import annotations

from collections.abc import Sequence

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
from customer_intelligence.publication.postgres.owned import INCOMING, META_TABLES, OWN
from customer_intelligence.quoting import identifier

_BATCH = 10_000
# In the words in which Postgres itself names a type.
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
    "TIME": "time without time zone",
    "TIMESTAMP": "timestamp without time zone",
}
# What the publication states of itself: columns, and what a row is.
_STATED = {
    "_meta": (
        {
            "version": "text",
            "version_number": "bigint",
            "built_at": "timestamp without time zone",
            "as_of_date": "date",
            "schema_version": "integer",
            "invocation_id": "text",
            "tests_passed": "integer",
            "erasures_known": "integer",
            "published_at": "timestamp with time zone",
        },
        "One row: the version. Which build published it, and as of which day.",
    ),
    "_meta_tables": (
        {
            "table_schema": "text",
            "table_name": "text",
            "row_count": "bigint",
            "keys": "text[]",
            "foreign_keys": "text[]",
            "fingerprint": "text",
        },
        "One row for each published table: its rows, keys and foreign keys, and a hash by which a "
        "table that did not change is known.",
    ),
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


def types_of(table: PublishedTable) -> dict[str, str]:
    """Return the type in Postgres of each column."""
    return {
        column.name: postgres_type(column.type, f"{table.full_name}.{column.name}")
        for column in table.columns
    }


def load(database: Database, edition: Edition, table: PublishedTable) -> None:
    """Load a table with its keys and descriptions.

    Raises
    ------
    CustomerIntelligenceError
        `E_TYPE` or `E_CHARACTER` for what the database cannot hold, `E_NOT_VERIFIED` when rows are
        missing.
    """
    target = name(INCOMING, table.name)
    with database.connection.transaction():
        _create(database, target, types_of(table))
        copy_rows(database, edition, table, target)
        is_primary = True
        for key in table.keys:
            parts = key.split(", ")
            # The first that always has a value.
            kind = "primary key" if is_primary and not edition.has_null(table, parts) else "unique"
            is_primary = is_primary and kind == "unique"
            columns = sql.SQL(", ").join(map(name, parts))
            database.run(f"alter table {{}} add {kind} ({{}})", target, columns)
        describe(database, table, INCOMING)


def describe(database: Database, table: PublishedTable, schema: str) -> None:
    """Give the descriptions to a table in a schema, and figures to the planner of queries."""
    target = name(schema, table.name)
    _comment(database, "table", target, table.description)
    for column in table.columns:
        _comment(database, "column", name(schema, table.name, column.name), column.description)
    database.run("analyze {}", target)


def state(database: Database, edition: Edition, fingerprints: dict[str, str]) -> None:
    """State what is published, within the transaction that publishes it."""
    ((now,),) = database.run("select current_timestamp")
    facts = {**edition.facts, "published_at": now}
    rows: dict[str, list[list[object]]] = {
        "_meta": [[facts[fact] for fact in _STATED["_meta"][0]]],
        "_meta_tables": [
            [
                *(table.schema, table.name, table.rows, list(table.keys)),
                *(list(table.foreign_keys), fingerprints[table.full_name]),
            ]
            for table in edition.tables
        ],
    }
    for table, (types, text) in _STATED.items():
        target = name(OWN, table)
        if _columns_of(database, OWN, table) != list(types.items()):
            # Not there yet, or of an earlier release.
            database.run("drop table if exists {}", target)
            _create(database, target, types)
            _comment(database, "table", target, text)
        database.run("truncate {}", target)
        _copy_values(database, target, rows[table])


def _create(database: Database, target: Name, types: dict[str, str]) -> None:
    columns = [compose(f"{{}} {kind}", name(column)) for column, kind in types.items()]
    database.run("create table {} ({})", target, sql.SQL(", ").join(columns))


def copy_rows(database: Database, edition: Edition, table: PublishedTable, target: Name) -> None:
    """Copy the rows of a table into one that this transaction has made or emptied.

    Raises
    ------
    CustomerIntelligenceError
        `E_CHARACTER` or `E_NOT_VERIFIED`.
    """
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


def kept_in_place(database: Database, tables: Sequence[PublishedTable]) -> list[PublishedTable]:
    """Return the tables to which others have added something that goes with a table.

    Views rest on a table itself, not on its name, and so do indexes, policies, triggers and rights
    on columns. Such a table is emptied and filled again within the swap.

    Raises
    ------
    CustomerIntelligenceError
        `E_IN_THE_WAY` when its columns or keys changed.
    """
    found = database.run(
        "select n.nspname || '.' || c.relname, coalesce(("
        "select min(r.ev_class::regclass::text) from pg_depend as d "
        "inner join pg_rewrite as r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass "
        "where d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and r.ev_class <> c.oid"
        "), '') "
        "from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname || '.' || c.relname = any(%s) and ("
        "c.relrowsecurity or c.reloptions is not null "
        "or exists (select from pg_depend as d inner join pg_rewrite as r on r.oid = d.objid "
        "and d.classid = 'pg_rewrite'::regclass where d.refobjid = c.oid "
        "and d.refclassid = 'pg_class'::regclass and r.ev_class <> c.oid) "
        "or exists (select from pg_policy where polrelid = c.oid) "
        "or exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal) "
        "or exists (select from pg_attribute where attrelid = c.oid and attacl is not null) "
        "or exists (select from pg_index where indrelid = c.oid and not exists "
        "(select from pg_constraint where conindid = indexrelid)))",
        parameters=[[table.full_name for table in tables]],
    )
    added = dict(found)
    kept = [table for table in tables if table.full_name in added]
    for table in kept:
        if not _has_its_form(database, table):
            what = added[table.full_name] or "an index, a policy, a trigger or a right on a column"
            raise CustomerIntelligenceError(
                "E_IN_THE_WAY",
                f"Columns or keys of {table.full_name} changed, and {what} rests on it.",
                "Drop it, publish again and make it anew.",
            )
    return kept


def _has_its_form(database: Database, table: PublishedTable) -> bool:
    keys = database.run(
        f"select keys from {META_TABLES} where table_schema = %s and table_name = %s",  # noqa: S608  # nosec
        parameters=[table.schema, table.name],
    )
    columns = _columns_of(database, table.schema, table.name)
    return columns == list(types_of(table).items()) and keys == [(list(table.keys),)]


def _columns_of(database: Database, schema: str, table: str) -> list[tuple[str, str]]:
    """Return names and types of the columns of a table; none where it is not there."""
    return [
        (column, type_)
        for column, type_ in database.run(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            parameters=[f"{identifier(schema)}.{identifier(table)}"],
        )
    ]
