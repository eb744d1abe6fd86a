"""Put loaded tables in the place of those that were there, in one transaction."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from psycopg import errors, sql

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.edition import Edition, PublishedTable
from customer_intelligence.publication.postgres.database import Database, name, names
from customer_intelligence.publication.postgres.loading import copy_rows, describe, state
from customer_intelligence.publication.postgres.owned import (
    INCOMING,
    META,
    META_TABLES,
    OUTGOING,
    OWN,
)
from customer_intelligence.publication.reader import SCHEMAS

# Seconds in which a moment must come when nobody reads.
SWAP_SECONDS = 120.0
# Most attempts wait for nobody: they meet a moment between transactions that lock each other's
# tables. Now and then one holds new readers back, for whom there is no such moment; how long at
# first, and the share of the server's deadlock_timeout that none exceeds.
_GLANCES, _PAUSE_SECONDS = 25, 0.02
_FIRST_SECONDS, _LARGEST_SHARE = 0.05, 0.8
_TABLE = (
    "pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
    "and n.nspname || '.' || c.relname = any(%s)"
)


def replace_tables(
    database: Database,
    edition: Edition,
    loaded: Sequence[PublishedTable],
    in_place: Sequence[PublishedTable],
    fingerprints: dict[str, str],
    gone: Sequence[str],
    reader: str | None,
) -> None:
    """Put what was loaded in the place of what was there.

    Parameters
    ----------
    database : Database
        Where the tables are loaded.
    edition : Edition
        What is published.
    loaded, in_place : sequence of PublishedTable
        Tables that were loaded, and tables that are filled again where they are.
    fingerprints : dict of str to str
        Of all tables, by schema and name.
    gone : sequence of str
        Tables that are published no more.
    reader : str, optional
        A role that may read all tables.

    Raises
    ------
    CustomerIntelligenceError
        `E_IN_USE` when readers left no moment for it, `E_IN_THE_WAY` when something rests on a
        table that is to go.
    """
    coming = [table.full_name for table in loaded]
    there = _there(database, [*coming, *gone])
    staying = [*(table.full_name for table in in_place), *_there(database, [META, META_TABLES])]
    readers = [*_readers(database), *([] if reader is None else [reader])]
    ((limit,),) = database.run(
        "select extract(epoch from current_setting('deadlock_timeout')::interval)::float"
    )
    seconds, until = _FIRST_SECONDS, time.monotonic() + SWAP_SECONDS
    for attempt in itertools.count(1):
        patience = 0 if attempt % _GLANCES else seconds
        try:
            with database.connection.transaction():
                _lock(database, [*staying, *there], patience)
                _replace(database, there, coming)
                for table in in_place:
                    _refill(database, edition, table)
                state(database, edition, fingerprints)
                _grant(database, edition, readers)
                database.run("drop schema {}", name(INCOMING))
        except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected):
            pass
        else:
            return
        if time.monotonic() > until:
            raise _in_use(database, [*staying, *there])
        if patience:
            seconds = min(2 * seconds, _LARGEST_SHARE * limit)
        time.sleep(_PAUSE_SECONDS)


def _there(database: Database, tables: Sequence[str]) -> list[str]:
    """Return those of the tables that are there."""
    found = database.run(
        f"select n.nspname || '.' || c.relname from {_TABLE} where c.relkind = 'r' order by 1",  # noqa: S608  # nosec
        parameters=[list(tables)],
    )
    return [table for (table,) in found]


def _readers(database: Database) -> list[str]:
    """Return the roles that may read `_meta`, and so every table."""
    found = database.run(
        f"select distinct pg_get_userbyid(a.grantee) from {_TABLE} "  # noqa: S608  # nosec
        "cross join lateral aclexplode(c.relacl) as a "
        "where a.privilege_type = 'SELECT' and a.grantee not in (0, c.relowner)",
        parameters=[[META]],
    )
    return [role for (role,) in found]


def _lock(database: Database, tables: Sequence[str], seconds: float) -> None:
    """Lock tables against everybody, or give way."""
    if tables:
        # Of the whole statement: a timeout of single locks would add up.
        limit = sql.Literal(int(seconds * 1000))
        database.run("set local statement_timeout = {}", limit)
        how = "" if seconds else "nowait"
        database.run(f"lock table {{}} in access exclusive mode {how}", names(tables))
        database.run("set local statement_timeout = 0")


def _replace(database: Database, there: Sequence[str], coming: Sequence[str]) -> None:
    """Move old tables out and new ones in, with the rights on them."""
    rights = database.run(
        "select distinct n.nspname || '.' || c.relname, a.grantee, pg_get_userbyid(a.grantee) "  # noqa: S608  # nosec
        f"from {_TABLE} cross join lateral aclexplode(c.relacl) as a "
        "where a.privilege_type = 'SELECT' and a.grantee <> c.relowner order by 1, 3",
        parameters=[list(there)],
    )
    database.run("create schema {}", name(OUTGOING))
    for table in there:
        database.run("alter table {} set schema {}", names([table]), name(OUTGOING))
    for table in coming:
        schema, short = table.split(".", 1)
        database.run("alter table {} set schema {}", name(INCOMING, short), name(schema))
    for table, grantee, role in rights:
        # It may be published no more.
        if table in coming:
            who = sql.SQL("public") if grantee == 0 else name(role)
            database.run("grant select on {} to {}", names([table]), who)
    try:
        for table in there:
            database.run("drop table {}", name(OUTGOING, table.split(".", 1)[1]))
    except errors.DependentObjectsStillExist as error:
        detail = " ".join((error.diag.message_detail or "").split())
        raise CustomerIntelligenceError(
            "E_IN_THE_WAY",
            f"Something else rests on a table that is to be replaced: {detail}.",
            "Drop it, publish again and make it anew.",
        ) from error
    database.run("drop schema {}", name(OUTGOING))


def _refill(database: Database, edition: Edition, table: PublishedTable) -> None:
    """Fill a table again in its place, frozen like those that are new."""
    target = name(table.schema, table.name)
    database.run("truncate {}", target)
    copy_rows(database, edition, table, target)
    describe(database, table, table.schema)


def _grant(database: Database, edition: Edition, readers: Sequence[str]) -> None:
    schemas = sql.SQL(", ").join(map(name, (OWN, *SCHEMAS)))
    tables = names([META, META_TABLES, *(table.full_name for table in edition.tables)])
    for role in readers:
        database.run("grant usage on schema {} to {}", schemas, name(role))
        database.run("grant select on {} to {}", tables, name(role))


def _in_use(database: Database, there: Sequence[str]) -> CustomerIntelligenceError:
    holders = database.run(
        "select distinct concat_ws(' ', a.usename, a.application_name, a.state, 'pid ' || a.pid) "  # noqa: S608  # nosec
        "from pg_locks as l inner join pg_stat_activity as a on a.pid = l.pid "
        f"inner join ({_TABLE}) on c.oid = l.relation "
        "where l.granted and l.pid <> pg_backend_pid() limit 3",
        parameters=[list(there)],
    )
    who = ", ".join(row[0] for row in holders) or "somebody"
    return CustomerIntelligenceError(
        "E_IN_USE",
        f"For {SWAP_SECONDS:.0f} seconds readers left no moment to replace the tables: {who}.",
        "End transactions that stay open, then publish again.",
    )
