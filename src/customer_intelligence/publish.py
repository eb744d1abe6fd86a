"""Publish audited marts as one immutable file (a dbt-duckdb plugin).

The macro `publish_marts` decides whether a build may publish; this module copies the
marts out of the work database, verifies the copy and makes it current. The replacement
of `CURRENT` is the only commit point: before it readers see the old version whole,
after it the new one.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

KEPT_VERSIONS = 3


class Plugin(BasePlugin):
    """Give the build's connection the function `publish_marts(request)`."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Load scikit-learn here, in the main thread.

        Two Python models that import it at the same moment, each in its own thread, see
        it half-initialised and fail.
        """
        importlib.import_module("customer_intelligence.churn")

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the function; it works on a cursor with a transaction of its own."""

        def publish_marts(request: str) -> str:
            return publish(conn.cursor(), **json.loads(request))

        conn.create_function("publish_marts", publish_marts, ["VARCHAR"], "VARCHAR")


def publish(
    connection: DuckDBPyConnection,
    data_dir: str,
    version: str,
    built_at: str,
    tests_passed: int,
    relations: dict[str, str],
) -> str:
    """Copy the marts into a new file, verify it and make it the current version.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the work database, outside any transaction.
    data_dir : str
        The data directory; the file goes into its folder `published`.
    version, built_at : str
        Name of the version, sortable by time, and the time as `YYYY-MM-DD HH:MM:SS`.
    tests_passed : int
        Data tests and unit tests that passed in this build.
    relations : dict of str to str
        Quoted name of the relation in the work database for each mart.

    Returns
    -------
    str
        Path of the published file.

    Raises
    ------
    RuntimeError
        When the copy does not hold the rows that were copied; nothing changes then.
    """
    published = Path(data_dir) / "published"
    published.mkdir(parents=True, exist_ok=True)
    for leftover in published.glob(".building-*"):
        leftover.unlink()
    building = published / f".building-{version}.duckdb"
    final = published / f"marts-{version}.duckdb"

    rows = _copy(connection, building, relations, version, built_at, tests_passed)
    _verify(building, version, rows)
    with building.open("rb") as file:
        os.fsync(file.fileno())
    building.chmod(0o444)
    building.replace(final)
    make_current(published, version)
    prune(published, keep=version)
    return str(final)


def _copy(
    connection: DuckDBPyConnection,
    building: Path,
    relations: dict[str, str],
    version: str,
    built_at: str,
    tests_passed: int,
) -> dict[str, int]:
    quoted_path = str(building).replace("'", "''")
    connection.execute(f"attach '{quoted_path}' as publication")
    try:
        for name, relation in relations.items():
            # Names come from the project's own graph; identifiers cannot be bound.
            connection.execute(
                f'create table publication."{name}" as select * from {relation}'  # noqa: S608
            )
        connection.execute(
            "update publication.build_info set version = ?, built_at = ?::timestamp, "
            "tests_passed = ?",
            [version, built_at, tests_passed],
        )
        connection.execute("create table publication._meta (mart varchar, row_count bigint)")
        rows = {}
        for name in relations:
            counted = connection.execute(
                f'select count(*) from publication."{name}"'  # noqa: S608
            ).fetchone()
            rows[name] = counted[0] if counted else 0
            connection.execute("insert into publication._meta values (?, ?)", [name, rows[name]])
        connection.execute("checkpoint publication")
    finally:
        connection.execute("detach publication")
    return rows


def _verify(building: Path, version: str, rows: dict[str, int]) -> None:
    with duckdb.connect(str(building), read_only=True) as copy:
        found = dict(copy.execute("select mart, row_count from _meta").fetchall())
        recounted = {
            name: (copy.execute(f'select count(*) from "{name}"').fetchone() or (None,))[0]  # noqa: S608
            for name in found
        }
        stamped = copy.execute("select version from build_info").fetchall()
    if found != rows or recounted != rows or stamped != [(version,)]:
        raise RuntimeError(
            f"The copy {building.name} does not hold what was built; nothing was published. "
            "Check the disk and run the build again."
        )


def make_current(published: Path, version: str) -> None:
    """Let `CURRENT` name the version, in one step that survives a crash."""
    pending = published / ".CURRENT.tmp"
    with pending.open("w", encoding="utf-8") as file:
        file.write(version + "\n")
        file.flush()
        os.fsync(file.fileno())
    pending.replace(published / "CURRENT")
    directory = os.open(published, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def prune(published: Path, keep: str) -> None:
    """Delete all but the newest versions; the current one always stays."""
    versions = sorted(published.glob("marts-*.duckdb"), reverse=True)
    for old in versions[KEPT_VERSIONS:]:
        if old.name != f"marts-{keep}.duckdb":
            old.unlink()
