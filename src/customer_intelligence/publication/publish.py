"""Publish audited marts as one immutable version.

The gate decides whether a build may publish; this module copies the marts out of the work
database into a directory of their own, verifies the copy and makes it current. The replacement
of the link `published/current` is the only commit point: before it readers see the old version
whole, after it the new one. Everything that can fail comes before it; what comes after is
tidying that can only log.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import (
    BUILDING_PREFIX,
    CURRENT,
    DATABASE,
    LAST_NUMBER,
    OLD_CURRENT,
    OLD_FILES,
    PUBLISHED,
    RAW,
    SUMMARY,
    version_names,
    version_number,
)
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import erasure_number
from customer_intelligence.publication.changes import TABLE, note_changes
from customer_intelligence.publication.reader import (
    READ_ERRORS,
    READER_CONFIG,
    SCHEMAS,
    current_version,
    old_publication,
    open_version,
    reason_of,
)
from customer_intelligence.publication.semantics import published_semantics
from customer_intelligence.publication.summary import collect
from customer_intelligence.publication.versions import check_current, make_current, verify
from customer_intelligence.quoting import identifier, literal

KEPT_VERSIONS = 3
SALES = "fct_orders"
BUILD_INFO = "marts.build_info"
CHANGES = f"{SCHEMAS[0]}.{TABLE}"
# What DuckDB 1.4, its current long-term release, can read.
STORAGE_VERSION = "v1.4.0"
_LEFTOVERS = (BUILDING_PREFIX, f".{CURRENT}.", f".{LAST_NUMBER}.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Table:
    """A table to publish.

    Parameters
    ----------
    name : str
        Its name in the published file.
    relation : str
        Quoted name of the relation in the work database.
    description : str
        What one row is; becomes the comment of the table.
    columns : dict of str to str
        What each column is; becomes the comment of the column.
    keys : list of str
        Each the columns, separated by ", ", that no two rows share.
    foreign_keys : list of str
        Such as `customer_id -> dim_customers.customer_id`.
    schema : str
        One of `SCHEMAS`.
    """

    name: str
    relation: str
    description: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()
    foreign_keys: Sequence[str] = ()
    schema: str = SCHEMAS[0]

    def comment(self) -> str:
        """Return the description with the keys, where it does not state them itself."""
        lines = [self.description.strip()]
        if "Key: " not in self.description:
            lines += [f"Key: {key}." for key in self.keys]
        lines += [f"Foreign key: {key}." for key in self.foreign_keys]
        return "\n\n".join(filter(None, lines))


@dataclass(frozen=True)
class Build:
    """A build that may publish.

    Parameters
    ----------
    number : int
        As `next_number` gave it when the build began.
    started_at : str
        Start of the build, UTC, as `YYYY-MM-DD HH:MM:SS`.
    invocation_id : str
        The hexadecimal id of the dbt invocation.
    tests_passed : int
        Data tests that passed in this build.
    publish_empty : bool
        Whether marts without any order may take the place of marts that have some.
    semantics : str
        dbt's semantic manifest, JSON; empty where dbt has written none.
    rules : str
        A hash of what figures depend on besides the lines and the as-of day: rules, vars, code.
    """

    number: int
    started_at: str
    invocation_id: str
    tests_passed: int
    publish_empty: bool = False
    semantics: str = ""
    rules: str = ""

    @property
    def version(self) -> str:
        """The name of the version that this build publishes."""
        moment = dt.datetime.strptime(self.started_at, "%Y-%m-%d %H:%M:%S")
        return f"{self.number:06d}-{moment:%Y%m%dT%H%M%SZ}-{self.invocation_id[:8]}"


def next_number(data_dir: Path) -> int:
    """Return the number for a build that begins now; the caller holds the data directory's lock.

    It is higher than that of every version that is or ever was published here.
    """
    numbers = [version_number(name) for name in version_names(data_dir)]
    with contextlib.suppress(OSError, ValueError):
        # A mark that cannot be read leaves the numbers of what is published.
        numbers.append(int(files.read_text(data_dir / PUBLISHED / LAST_NUMBER, max_bytes=12)))
    return max([0, *numbers]) + 1


def publish(
    connection: DuckDBPyConnection, data_dir: Path, build: Build, tables: Sequence[Table]
) -> str:
    """Copy the marts into a new version, verify it and make it the current one.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the work database, outside any transaction. The caller holds the lock.
    data_dir : Path
        The data directory; the version goes into its folder `published`.
    build : Build
        The build that made the marts.
    tables : sequence of Table
        What to publish.

    Returns
    -------
    str
        The name of the version.

    Raises
    ------
    CustomerIntelligenceError
        `E_SUPERSEDED` when a build that began later has published, `E_EMPTY` when empty marts
        would take the place of others, `E_NOT_VERIFIED` when the copy does not hold the rows that
        were copied, `E_TOMBSTONES` when the list of erased customers cannot be read,
        `E_CANNOT_PUBLISH` when a file cannot be written or `current` is a directory. Nothing
        changes for readers then.
    """
    published = data_dir / PUBLISHED
    building = published / f"{BUILDING_PREFIX}{build.version}"
    try:
        published.mkdir(parents=True, exist_ok=True)
        check_current(published)
        remove_leftovers(published)
        erasures = erasure_number(data_dir / RAW)
        _refuse_to_go_back(data_dir, build)
        building.mkdir()
        rows = _copy(connection, building / DATABASE, build, tables, erasures)
        if CHANGES in rows:
            rows[CHANGES] = note_changes(building / DATABASE, _current_database(data_dir))
        if not build.publish_empty:
            _refuse_to_empty(data_dir, rows)
        _write_summary(building)
        verify(building, build.version, rows)
        outdated = versions_to_prune(data_dir, build.version, erasures)
        files.write_atomically(published / LAST_NUMBER, f"{build.number}\n")
        _write_through(building)
        files.replace_durably(building, published / build.version)
        make_current(published, build.version)
    except (OSError, duckdb.Error) as error:
        raise CustomerIntelligenceError(
            "E_CANNOT_PUBLISH",
            f"The marts cannot be written to {published}: {reason_of(error)}.",
            "Fix the cause, then build again.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            files.remove(building)
    _tidy(published, outdated)
    return build.version


def _current_database(data_dir: Path) -> Path | None:
    try:
        path = data_dir / PUBLISHED / current_version(data_dir) / DATABASE
        files.check_regular(path)
    except (CustomerIntelligenceError, OSError):
        return None
    return path


def remove_leftovers(published: Path) -> None:
    """Delete what an interrupted publication left behind."""
    for leftover in published.iterdir():
        if leftover.name.startswith(_LEFTOVERS):
            files.remove(leftover)


def _refuse_to_go_back(data_dir: Path, build: Build) -> None:
    newest = next(iter(version_names(data_dir)), None)
    if newest is not None and version_number(newest) >= build.number:
        raise CustomerIntelligenceError(
            "E_SUPERSEDED",
            f"The version {newest} was published by a build that began later than this one.",
            "Build again where its data are not the newest.",
        )


@contextlib.contextmanager
def _attached(connection: DuckDBPyConnection, path: Path) -> Iterator[None]:
    connection.execute(
        f"attach {literal(str(path))} as publication (storage_version {literal(STORAGE_VERSION)})"
    )
    try:
        # One transaction: each would be written through to the disk by itself.
        connection.execute("begin")
        yield
        connection.execute("commit")
        connection.execute("checkpoint publication")
    except BaseException:
        # The first error counts.
        for statement in ("rollback", "detach publication"):
            with contextlib.suppress(duckdb.Error):
                connection.execute(statement)
        raise
    connection.execute("detach publication")


def _copy(
    connection: DuckDBPyConnection,
    path: Path,
    build: Build,
    tables: Sequence[Table],
    erasures: int,
) -> dict[str, int]:
    """Copy tables with their metadata; return the number of rows, by schema and name."""
    rows = {}
    with _attached(connection, path):
        for schema in SCHEMAS:
            connection.execute(f"create schema publication.{schema}")
        connection.execute(
            "create table publication._meta_tables (table_schema varchar, table_name varchar, "
            "row_count bigint, keys varchar[], foreign_keys varchar[])"
        )
        for table in tables:
            name = f"publication.{identifier(table.schema)}.{identifier(table.name)}"
            # Names come from the project's own graph; identifiers cannot be bound.
            copied = connection.execute(
                f"create table {name} as select * from {table.relation}"  # noqa: S608  # nosec
            ).fetchone()
            rows[f"{table.schema}.{table.name}"] = copied[0] if copied else 0
            connection.execute(
                "insert into publication._meta_tables values (?, ?, ?, ?, ?)",
                [
                    table.schema,
                    table.name,
                    rows[f"{table.schema}.{table.name}"],
                    list(table.keys),
                    list(table.foreign_keys),
                ],
            )
            _comment(connection, name, table)
        connection.execute(
            f"update publication.{BUILD_INFO} "  # noqa: S608  # nosec
            "set version = ?, built_at = ?::timestamp, tests_passed = ?",
            [build.version, build.started_at, build.tests_passed],
        )
        connection.execute(
            "create table publication._meta as select version, ?::bigint as version_number, "  # noqa: S608  # nosec
            "built_at, as_of_date, schema_version, ?::varchar as invocation_id, tests_passed, "
            "?::integer as erasures_known, ?::varchar as rules "
            f"from publication.{BUILD_INFO}",
            [build.number, build.invocation_id, erasures, build.rules],
        )
        connection.execute(
            "create table publication._meta_semantics as select ?::varchar as manifest",
            [published_semantics(build.semantics, {table.name: table.schema for table in tables})],
        )
        _comment_on_meta(connection)
    return rows


def _comment(connection: DuckDBPyConnection, name: str, table: Table) -> None:
    if table.comment():
        connection.execute(f"comment on table {name} is {literal(table.comment())}")
    columns = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
    for column in columns:
        text = table.columns.get(column, "").strip()
        if text:
            connection.execute(f"comment on column {name}.{identifier(column)} is {literal(text)}")


def _comment_on_meta(connection: DuckDBPyConnection) -> None:
    comments = {
        "_meta": "One row: the version. Which build published it, and as of which day.",
        "_meta_tables": "One row for each published table: its rows, its keys (columns that no two "
        "rows share) and its foreign keys. DuckDB itself holds no keys of these tables.",
        "_meta_semantics": "One row: what metrics are made of, as dbt's semantic manifest (JSON).",
    }
    for name, comment in comments.items():
        connection.execute(f"comment on table publication.{name} is {literal(comment)}")
    connection.execute(
        "comment on column publication._meta.erasures_known is "
        + literal("How often customers had been erased at publication.")
    )
    connection.execute(
        "comment on column publication._meta.rules is "
        + literal("A hash of rules, vars and code: another one may give other figures.")
    )


def _refuse_to_empty(data_dir: Path, rows: dict[str, int]) -> None:
    if rows[f"{SCHEMAS[0]}.{SALES}"]:
        return
    for version, orders in _published_orders(data_dir):
        if orders:
            raise CustomerIntelligenceError(
                "E_EMPTY",
                f"This build has no order, and the published version {version} has {orders:,}.",
                "Look at the loads and the settings; publish_empty: true publishes it all the "
                "same.",
            )
        return


def _published_orders(data_dir: Path) -> Iterator[tuple[str, int]]:
    """Yield orders of each version that can be read: the current one first, then the newest."""
    published = data_dir / PUBLISHED
    names = version_names(data_dir)
    with contextlib.suppress(CustomerIntelligenceError):
        names.insert(0, current_version(data_dir))
    query = f"select count(*) from {SALES}"  # noqa: S608  # nosec
    for name in names:
        with contextlib.suppress(*READ_ERRORS), open_version(published / name) as marts:
            yield name, (marts.execute(query).fetchone() or (0,))[0]
    old = old_publication(published)
    if old is not None:
        with (
            contextlib.suppress(*READ_ERRORS),
            duckdb.connect(str(old), read_only=True, config=dict(READER_CONFIG)) as marts,
        ):
            yield old.name, (marts.execute(query).fetchone() or (0,))[0]


def _write_summary(folder: Path) -> None:
    with open_version(folder) as marts:
        summary = collect(marts)
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    files.create(folder / SUMMARY, text, mode=0o444)


def versions_to_prune(data_dir: Path, new: str, erasures: int) -> list[str]:
    """Return the versions to delete once a new one is current.

    The newest are kept. After an erasure only those stay that know of it: what was built before
    still names who was erased.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    new : str
        The version that is about to become current; it always stays.
    erasures : int
        How often somebody was erased, see `erasure_number`.
    """
    others = [name for name in version_names(data_dir) if name != new]
    kept = {
        name
        for name in others[: KEPT_VERSIONS - 1]
        if _erasures_of(data_dir / PUBLISHED / name) == erasures
    }
    return [name for name in others if name not in kept]


def _erasures_of(folder: Path) -> int | None:
    try:
        with open_version(folder) as marts:
            ((known,),) = marts.execute("select erasures_known from main._meta").fetchall()
    except READ_ERRORS:
        return None
    return None if known is None else int(known)


def _write_through(building: Path) -> None:
    """Make the files of a version read-only and sync them."""
    for path in (building / DATABASE, building / SUMMARY):
        path.chmod(0o444)
        files.sync(path)
    files.sync(building)


def _tidy(published: Path, outdated: Sequence[str]) -> None:
    """Remove outdated versions and files of earlier releases; retry failures next time."""
    try:
        old = [path for path in published.iterdir() if OLD_FILES.fullmatch(path.name)]
    except OSError as error:
        log.warning("%s cannot be listed: %s", published, error)
        old = []
    # The name of the old current version goes first: its file may be missing, never its reason.
    for path in [published / OLD_CURRENT, *old, *(published / name for name in outdated)]:
        try:
            files.remove(path)
        except OSError as error:
            log.warning("%s cannot be removed: %s", path, error)
