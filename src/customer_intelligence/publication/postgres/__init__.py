"""Copy the published marts to a Postgres database, whose readers meet one version at a time.

What changed is loaded into a schema of its own (`loading`), and one short transaction puts it in
place of what was there (`swap`). Two things keep transactions of readers whole, however many tables
they read:

- Tables are loaded frozen: also a transaction with an older snapshot sees their rows. One on which
  others have put something, such as a view, is filled again within the swap.
- The swap locks every table that it replaces. It waits for transactions that have read one of them,
  and gives way before a reader that it blocks could take it for a deadlock.
"""

from __future__ import annotations

from collections.abc import Callable

from customer_intelligence.publication.edition import Edition
from customer_intelligence.publication.postgres.database import connected
from customer_intelligence.publication.postgres.loading import kept_in_place, load
from customer_intelligence.publication.postgres.owned import (
    check_role,
    fingerprints_there,
    hold,
    is_there,
    make_room,
    prepare,
    version_there,
)
from customer_intelligence.publication.postgres.swap import replace_tables


def publish_to_postgres(
    edition: Edition,
    url: str,
    where: str,
    owner: str,
    begin: Callable[[], None],
    reader: str | None = None,
) -> str:
    """Copy a version to a database.

    Parameters
    ----------
    edition : Edition
        What to copy.
    url : str
        As `libpq` takes it; what it leaves out comes from the environment, such as PGPASSWORD.
    where : str
        The same without a password, for people.
    owner : str
        Id of the data directory. A database keeps the first one that publishes to it.
    begin : callable
        Called before the first table is copied.
    reader : str, optional
        A role that may read all tables from now on.

    Returns
    -------
    str
        What was done, as a clause.

    Raises
    ------
    CustomerIntelligenceError
        `E_DESTINATION`, `E_NO_CONNECTION`, `E_NO_ROLE`, `E_FOREIGN`, `E_OTHER_SHOP`, `E_LOCKED`,
        `E_NOT_ALLOWED`, `E_CHARACTER`, `E_TYPE`, `E_IN_USE`, `E_IN_THE_WAY`, `E_POSTGRES`. Readers
        see what they saw before then.
    """
    with connected(url, where) as database:
        hold(database, where)
        if reader is not None:
            check_role(database, reader)
        prepare(database, where, owner, edition)
        known = fingerprints_there(database)
        fingerprints = {table.full_name: edition.fingerprint(table) for table in edition.tables}
        changed = [
            table
            for table in edition.tables
            if known.get(table.full_name) != fingerprints[table.full_name]
            or not is_there(database, table)
        ]
        if not changed and reader is None and version_there(database) == edition.version:
            return f"holds version {edition.version} already"
        begin()
        make_room(database)
        in_place = kept_in_place(database, changed)
        loaded = [table for table in changed if table not in in_place]
        for table in loaded:
            load(database, edition, table)
        gone = sorted(known.keys() - fingerprints.keys())
        replace_tables(database, edition, loaded, in_place, fingerprints, gone, reader)
    count = len(edition.tables)
    return (
        f"has version {edition.version} now: {len(changed)} of {count} tables copied, "
        f"{count - len(changed)} unchanged"
    )
