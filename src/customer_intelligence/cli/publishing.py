"""Copy the published marts to a destination: the command, and what follows a build."""

from __future__ import annotations

from pathlib import Path

import click

from customer_intelligence.cli import ending
from customer_intelligence.cli.options import NAME, Command, example, in_data_dir
from customer_intelligence.cli.project import find_data_dir
from customer_intelligence.errors import CustomerIntelligenceError


@click.command(
    cls=Command,
    epilog=example(
        "publish --to=/srv/marts",
        "publish --to=postgresql://shop@localhost/warehouse --reader=analyst",
    ),
)
@click.option(
    "--to",
    metavar="DESTINATION",
    help="A folder, or postgresql://user@host/database.  "
    "[default: CUSTOMER_INTELLIGENCE_PUBLISH_TO]",
)
@click.option("--reader", metavar="ROLE", help="A role of the database that may read the copy.")
@in_data_dir
def publish(to: str | None, reader: str | None, data_dir: str | None) -> None:
    """Copy the published marts to a folder or to Postgres.

    A folder gets Parquet files and a manifest.json; a database gets the schemas marts and evidence
    with comments and keys. Readers there meet one version at a time. A password goes into
    PGPASSWORD, or the whole URL into CUSTOMER_INTELLIGENCE_PUBLISH_TO, never on the command line.
    """
    from customer_intelligence.publication.destinations import find_destination, publish_to

    print(publish_to(find_data_dir(data_dir), find_destination(to), reader))


def publish_as_configured(data_dir: Path) -> None:
    """Publish to the destination that the environment names, if it names one."""
    from customer_intelligence.publication.destinations import (
        configured,
        find_destination,
        publish_to,
    )

    if configured() is None:
        return
    try:
        print(publish_to(data_dir, find_destination(None)), flush=True)
    except Exception as error:
        refusal = ending.of_exception(error)
        raise CustomerIntelligenceError(
            refusal.code,
            refusal.what,
            f"{refusal.hint} What the build published here stays; `{NAME} publish` tries again.",
        ) from error


def renew_copies(data_dir: Path) -> None:
    """Publish after an erasure as configured, and name the copies that are still of before it."""
    from customer_intelligence.publication.destinations import copies_that_may_name_the_erased

    try:
        publish_as_configured(data_dir)
    finally:
        for copy in copies_that_may_name_the_erased(data_dir):
            print(copy)
