"""Publish audited marts as one immutable file.

The macro `publish_marts` decides whether a build may publish; this module copies the
marts out of the work database, verifies the copy and makes it current. The replacement
of `CURRENT` is the only commit point: before it readers see the old version whole,
after it the new one.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import last_erasure
from customer_intelligence.marts import READER_CONFIG, current_version

KEPT_VERSIONS = 3
BUILDING_PREFIX = ".building-"
SALES = "fct_orders"


def publish(
    connection: DuckDBPyConnection,
    data_dir: Path,
    version: str,
    built_at: str,
    tests_passed: int,
    relations: dict[str, str],
    publish_empty: bool = False,
) -> Path:
    """Copy the marts into a new file, verify it and make it the current version.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the work database, outside any transaction.
    data_dir : Path
        The data directory; the file goes into its folder `published`.
    version, built_at : str
        Name of the version, sortable by time, and the time as `YYYY-MM-DD HH:MM:SS`.
    tests_passed : int
        Data tests and unit tests that passed in this build.
    relations : dict of str to str
        Quoted name of the relation in the work database for each mart.
    publish_empty : bool
        Whether marts without any order may take the place of marts that have some.

    Returns
    -------
    Path
        The published file.

    Raises
    ------
    CustomerIntelligenceError
        `E_EMPTY` when empty marts would take the place of others, `E_NOT_VERIFIED` when the
        copy does not hold the rows that were copied; nothing changes then.
    """
    published = data_dir / "published"
    published.mkdir(parents=True, exist_ok=True)
    remove_leftovers(published)
    building = published / f"{BUILDING_PREFIX}{version}.duckdb"
    final = published / f"marts-{version}.duckdb"
    try:
        rows = _copy(connection, building, relations, version, built_at, tests_passed)
        if not publish_empty:
            _refuse_to_empty(published, rows)
        verify(building, version, rows)
        with building.open("rb") as file:
            os.fsync(file.fileno())
        building.chmod(0o444)
        building.replace(final)
    finally:
        remove_leftovers(published)
    make_current(published, version)
    prune(published, keep=version, erased_at=last_erasure(data_dir / "raw"))
    return final


def remove_leftovers(published: Path) -> None:
    """Delete what a publication that did not end has left."""
    for leftover in published.glob(f"{BUILDING_PREFIX}*"):
        leftover.unlink()


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
                f'create table publication."{name}" as select * from {relation}'  # noqa: S608  # nosec
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
                f'select count(*) from publication."{name}"'  # noqa: S608  # nosec
            ).fetchone()
            rows[name] = counted[0] if counted else 0
            connection.execute("insert into publication._meta values (?, ?)", [name, rows[name]])
        connection.execute("checkpoint publication")
    finally:
        connection.execute("detach publication")
    return rows


def _refuse_to_empty(published: Path, rows: dict[str, int]) -> None:
    if rows[SALES] or not (published / "CURRENT").exists():
        return
    version = current_version(published.parent)
    path = published / f"marts-{version}.duckdb"
    if not path.exists():
        return
    with duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG)) as marts:
        orders = (marts.execute(f"select count(*) from {SALES}").fetchone() or (0,))[0]  # noqa: S608  # nosec
    if orders:
        raise CustomerIntelligenceError(
            "E_EMPTY",
            f"This build has no order, and the published version {version} has {orders:,}.",
            "Look at the loads and the settings; publish_empty: true publishes it all the same.",
        )


def verify(path: Path, version: str, rows: dict[str, int] | None = None) -> None:
    """Check that a file holds a whole version.

    Parameters
    ----------
    path : Path
        A file of marts.
    version : str
        The version it must be.
    rows : dict of str to int, optional
        Rows that each mart must have; by default what the file itself states.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_VERIFIED` when anything differs.
    """
    reason = "its tables are not those that were built"
    try:
        with duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG)) as copy:
            stated = dict(copy.execute("select mart, row_count from _meta").fetchall())
            # Every value is read: what the disk did not keep shows here.
            counted = {
                name: (
                    copy.execute(f'select count(*), bit_xor(hash(t)) from "{name}" as t').fetchone()  # noqa: S608  # nosec
                    or (None,)
                )[0]
                for name in stated
            }
            stamped = copy.execute("select version from build_info").fetchall()
        if stated == (rows or stated) and counted == stated and stamped == [(version,)]:
            return
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
    raise CustomerIntelligenceError(
        "E_NOT_VERIFIED",
        f"{path.name} cannot be trusted ({reason}); nothing was changed.",
        "Check the disk, then build again.",
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


def prune(published: Path, keep: str, erased_at: str | None = None) -> None:
    """Delete all but the newest versions; the current one always stays.

    Parameters
    ----------
    published : Path
        The folder of the versions.
    keep : str
        The current version.
    erased_at : str, optional
        Time of the last erasure in the form of a version; what was built before it goes.
    """
    versions = sorted(published.glob("marts-*.duckdb"), reverse=True)
    for place, old in enumerate(versions):
        is_kept = place < KEPT_VERSIONS and (erased_at is None or old.name > f"marts-{erased_at}")
        if not is_kept and old.name != f"marts-{keep}.duckdb":
            old.unlink()
