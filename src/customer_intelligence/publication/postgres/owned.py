"""What of a database belongs to the publication: its schemas, its lock and what it knows."""

from __future__ import annotations

import time

from psycopg import sql

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.edition import Edition, PublishedTable
from customer_intelligence.publication.folder import other_shop
from customer_intelligence.publication.postgres.database import Database, name
from customer_intelligence.publication.reader import SCHEMAS
from customer_intelligence.quoting import identifier

# What the publication states of itself, and where tables wait for the swap and for their end.
OWN = "customer_intelligence"
INCOMING, OUTGOING = f"{OWN}_incoming", f"{OWN}_outgoing"
META, META_TABLES = f"{OWN}._meta", f"{OWN}._meta_tables"
MARK = "Marts that customer-intelligence publishes. Data directory: "
LOCK_SECONDS = 10.0


def hold(database: Database, where: str) -> None:
    """Let one process at a time publish to the database; the lock ends with the connection.

    Raises
    ------
    CustomerIntelligenceError
        `E_LOCKED`.
    """
    for setting in ("statement_timeout = 0", "lock_timeout = 0", "timezone = 'UTC'"):
        database.run(f"set {setting}")
    until = time.monotonic() + LOCK_SECONDS
    query = "select pg_try_advisory_lock(hashtext(%s), 0)"
    while database.run(query, parameters=[OWN]) != [(True,)]:
        # The server may not have noticed yet that the last one was killed.
        if time.monotonic() > until:
            raise CustomerIntelligenceError(
                "E_LOCKED",
                f"Another process publishes to {where}.",
                "Wait until it has finished, then try again.",
            )
        time.sleep(0.2)


def check_role(database: Database, reader: str) -> None:
    """Refuse a role that is not there (`E_NO_ROLE`)."""
    if not database.run("select 1 from pg_roles where rolname = %s", parameters=[reader]):
        raise CustomerIntelligenceError(
            "E_NO_ROLE",
            f"There is no role {reader!r} in the database.",
            f"Have it created first: create role {identifier(reader)}.",
        )


def prepare(database: Database, where: str, owner: str, edition: Edition) -> None:
    """Make the schemas, and remove from them what was not finished.

    Raises
    ------
    CustomerIntelligenceError
        `E_OTHER_SHOP`, or `E_FOREIGN` where tables of others are in the way.
    """
    marks = dict(
        database.run(
            "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace "
            "where nspname = any(%s)",
            parameters=[[OWN, INCOMING, *SCHEMAS]],
        )
    )
    is_ours = (marks.get(OWN) or "").startswith(MARK)
    if is_ours and marks[OWN] != MARK + owner:
        raise other_shop(where)
    _check_foreign(database, where, edition, is_ours)
    with database.connection.transaction():
        for schema in (OWN, *SCHEMAS):
            if schema not in marks:
                database.run("create schema {}", name(schema))
        if not is_ours:
            database.run("comment on schema {} is {}", name(OWN), sql.Literal(MARK + owner))
        database.run("drop schema if exists {} cascade", name(INCOMING))


def make_room(database: Database) -> None:
    """Make the schema where tables wait for the swap, which takes it away."""
    database.run("create schema {}", name(INCOMING))


def _check_foreign(database: Database, where: str, edition: Edition, is_ours: bool) -> None:
    """Refuse relations of others: any before the first publication, later those in the way."""
    found = {
        full
        for (full,) in database.run(
            "select n.nspname || '.' || c.relname from pg_class as c "
            "inner join pg_namespace as n on n.oid = c.relnamespace "
            "where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')",
            parameters=[list(SCHEMAS) if is_ours else [OWN, INCOMING, *SCHEMAS]],
        )
    }
    if is_ours:
        found &= {table.full_name for table in edition.tables} - set(fingerprints_there(database))
    if found:
        raise CustomerIntelligenceError(
            "E_FOREIGN",
            f"{where} holds something else where the marts belong ({min(found)}).",
            "Publish to a database of its own, or move that elsewhere.",
        )


def fingerprints_there(database: Database) -> dict[str, str]:
    """Return the fingerprints of the tables that were published, by schema and name."""
    if database.run("select to_regclass(%s)::text", parameters=[META_TABLES]) == [(None,)]:
        return {}
    return dict(
        database.run(
            f"select table_schema || '.' || table_name, fingerprint from {META_TABLES}"  # noqa: S608  # nosec
        )
    )


def version_there(database: Database) -> str | None:
    """Return the version that was published, if there is one."""
    found = database.run(f"select version from {META}")  # noqa: S608  # nosec
    return found[0][0] if found else None


def is_there(database: Database, table: PublishedTable) -> bool:
    """Return whether a table is there with all its rows."""
    quoted = f"{identifier(table.schema)}.{identifier(table.name)}"
    if database.run("select to_regclass(%s)::text", parameters=[quoted]) == [(None,)]:
        return False
    count = database.run("select count(*) from {}", name(table.schema, table.name))
    return count == [(table.rows,)]
