"""Read the published marts.

Readers never open the work database of a build. They follow the link `published/current` to the
directory of the newest complete, audited version, whose files are never written again:

    published/<version>/customer_intelligence.duckdb
    published/<version>/summary.json
    published/current -> <version>

The name of a version starts with its number: 000017-20261128T031610Z-a65db821. A higher number is a
later build, whatever the clock said.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import (
    CURRENT,
    DATABASE,
    OLD_CURRENT,
    OLD_VERSION_NAME,
    PUBLISHED,
    SUMMARY,
    VERSION_NAME,
    data_dir_option,
    data_directory,
    version_names,
)
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.quoting import identifier, literal

# Business tables, and what judges models and data; no name is in both.
SCHEMAS = ("marts", "evidence")
# Nothing that a query says can reach a file, the network, another database or a variable of
# the program around it. What does not fit into memory fails: nothing is spilled to disk.
READER_CONFIG = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
    "temp_directory": "",
    "threads": "2",
    "memory_limit": "1GB",
}
# What a file can raise that is no version: damaged, cut short, missing, something else.
READ_ERRORS = (duckdb.Error, OSError, ValueError)
# Raised when a file that could be opened turns out to be damaged further on.
DAMAGE = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
)


def current_version(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return the version that `published/current` leads to.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` when no build has published marts in this directory, `E_OLD_LAYOUT` when
        the last one was published by an earlier release, `E_DAMAGED` when `current` is not a link
        to a version beside it.

    Examples
    --------
    >>> current_version("data/local") in os.listdir("data/local/published")
    True
    """
    data_dir = data_directory(data_dir)
    current = data_dir / PUBLISHED / CURRENT
    try:
        target = os.readlink(current)  # noqa: PTH115  # a path would lose what the link adds
    except (FileNotFoundError, NotADirectoryError):
        raise _not_published(data_dir) from None
    except OSError as error:
        kind = files.kind_of(current)
        reason = str(error.strerror) if kind == "a symbolic link" else f"it is {kind}, not a link"
        raise damaged(data_dir, f"{current} cannot be followed: {reason}.") from error
    # A name only, never a path: nothing outside the folder is ever opened.
    if not VERSION_NAME.fullmatch(target):
        shown = files.printable(target[:60])
        raise damaged(data_dir, f"{current} leads to '{shown}', which is no version.")
    return target


def _not_published(data_dir: Path) -> CustomerIntelligenceError:
    if files.kind_of(data_dir / PUBLISHED / OLD_CURRENT) is not None:
        return CustomerIntelligenceError(
            "E_OLD_LAYOUT",
            f"The marts in {data_dir / PUBLISHED} were published by an earlier release.",
            f"Run `make build{data_dir_option(data_dir)}` to publish them again.",
        )
    return CustomerIntelligenceError(
        "E_NOT_PUBLISHED",
        f"No marts have been published in {data_dir / PUBLISHED}.",
        "Run `make build` first, or name the directory of an earlier build.",
    )


def open_marts(data_dir: str | os.PathLike[str] | None = None) -> duckdb.DuckDBPyConnection:
    """Open the current version of the marts, read-only and locked down.

    Parameters
    ----------
    data_dir : path, optional
        The data directory of the builds; by default the one that the environment
        variable `CUSTOMER_INTELLIGENCE_DATA_DIR` names, else `data/local`.

    Returns
    -------
    duckdb.DuckDBPyConnection
        A connection whose only tables are those that were published and the three of `_meta`.
        Names without a schema are those of `marts` and `evidence`. It cannot read other files,
        load extensions, attach databases or change its own settings.

    Raises
    ------
    CustomerIntelligenceError
        Those of `current_version`; `E_DAMAGED` when the file of the version is missing, no
        database or no regular file.

    Examples
    --------
    >>> with open_marts("data/local") as marts:
    ...     marts.sql("select segment from rpt_segments where segment_rank = 1").fetchall()
    [('Champions',)]
    """
    directory = data_directory(data_dir)
    version = current_version(directory)
    while True:
        try:
            return open_version(directory / PUBLISHED / version)
        except duckdb.ConnectionException:
            # This process holds the file open with settings of its own.
            raise
        except READ_ERRORS as error:
            # A newer build may have pruned this version since `current` was read.
            tried, version = version, current_version(directory)
            if version == tried:
                path = directory / PUBLISHED / version / DATABASE
                raise damaged(directory, f"{path} cannot be opened: {reason_of(error)}") from error


def open_version(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the database in a version's directory as `open_marts` does; raises `READ_ERRORS`."""
    if not files.is_directory(folder):
        kind = files.kind_of(folder) or "missing"
        raise OSError(20, f"Its directory is {kind}", str(folder))
    files.check_regular(folder / DATABASE)
    # DuckDB would apply it: somebody wrote to what is never written again.
    log = folder / f"{DATABASE}.wal"
    if files.kind_of(log) is not None:
        raise OSError(22, f"{log.name} lies beside it", str(log))
    marts = duckdb.connect(str(folder / DATABASE), read_only=True, config=dict(READER_CONFIG))
    try:
        _search(marts)
    except duckdb.Error:
        marts.close()
        raise
    return marts


def cursor(marts: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return one more connection to opened marts, for another thread."""
    another = marts.cursor()
    _search(another)
    return another


def _search(marts: duckdb.DuckDBPyConnection) -> None:
    """Find tables by name in those of `SCHEMAS` that there are: earlier releases had the first."""
    names = ", ".join(map(literal, SCHEMAS[1:]))
    later = marts.execute(
        f"select schema_name from duckdb_schemas() where schema_name in ({names})"  # noqa: S608  # nosec
    ).fetchall()
    path = ",".join([SCHEMAS[0], *(name for (name,) in later)])
    marts.execute(f"set search_path = {literal(path)}")


@contextlib.contextmanager
def reading(data_dir: str | os.PathLike[str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the current version for a block; raise a readable error if it is damaged.

    Raises
    ------
    CustomerIntelligenceError
        Those of `open_marts`; `E_DAMAGED` when the file is damaged beyond what opening it showed,
        `E_OLD_MARTS` when it lacks a table or column that the block reads.

    Examples
    --------
    >>> with reading("data/local") as marts:
    ...     marts.sql("from rpt_churn_metrics select no_such_column")
    Traceback (most recent call last):
    customer_intelligence.errors.CustomerIntelligenceError: E_OLD_MARTS: ...
    """
    directory = data_directory(data_dir)
    with open_marts(directory) as marts:
        try:
            yield marts
        except DAMAGE as error:
            what = f"The version {current_version(directory)} cannot be read: {reason_of(error)}"
            raise damaged(directory, what) from error
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise old_marts(directory, error) from error


def old_marts(data_dir: Path, error: duckdb.Error) -> CustomerIntelligenceError:
    """Return the error for marts of an earlier release, which lack what is read."""
    return CustomerIntelligenceError(
        "E_OLD_MARTS",
        f"The published marts lack what is read here: {reason_of(error)}",
        f"Run `make build{data_dir_option(data_dir)}` to publish them again.",
    )


def read_summary(folder: Path, version: str) -> dict[str, Any]:
    """Return the summary in a version's directory; raises `READ_ERRORS` when it is damaged."""
    try:
        summary = json.loads(files.read_text(folder / SUMMARY))
    except FileNotFoundError:
        raise ValueError(f"its {SUMMARY} is missing") from None
    except (RecursionError, ValueError):
        raise ValueError(f"its {SUMMARY} is no JSON") from None
    if not isinstance(summary, dict) or summary.get("version") != version:
        raise ValueError(f"its {SUMMARY} is of another version")
    return summary


def problem_of(folder: Path, version: str, rows: dict[str, int] | None = None) -> str | None:
    """Return why a directory does not hold a whole version, or None when it does.

    Parameters
    ----------
    folder : Path
        The directory. Every value of its database is read.
    version : str
        The version it must be.
    rows : dict of str to int, optional
        Rows that each table must have; by default what the file itself states.
    """
    try:
        with open_version(folder) as marts:
            read_summary(folder, version)
            stated = dict(
                marts.execute(
                    "select table_schema || '.' || table_name, row_count from main._meta_tables"
                ).fetchall()
            )
            tables = marts.execute(
                "select schema_name, table_name from duckdb_tables() where schema_name != 'main'"
            ).fetchall()
            # Every value is read: what the disk did not keep shows here.
            counted = {
                f"{schema}.{table}": (
                    marts.execute(
                        f"select count(*), bit_xor(hash(t)) from "  # noqa: S608  # nosec
                        f"{identifier(schema)}.{identifier(table)} as t"
                    ).fetchone()
                    or (None,)
                )[0]
                for schema, table in tables
            }
            stamped = marts.execute("select version from main._meta").fetchall()
    except READ_ERRORS as error:
        return reason_of(error)
    if stamped != [(version,)]:
        return "it holds another version"
    if counted != stated or (rows is not None and stated != rows):
        return "its tables are not those that were built"
    return None


def sound_versions(data_dir: Path) -> list[str]:
    """Return the versions that can be read to the end, newest first."""
    published = data_dir / PUBLISHED
    return [name for name in version_names(data_dir) if problem_of(published / name, name) is None]


def reason_of(error: BaseException) -> str:
    """Return the first line of an error's message, safe to print."""
    text = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    return files.printable((text.splitlines() or [type(error).__name__])[0])


def damaged(data_dir: Path, what: str) -> CustomerIntelligenceError:
    """Return the error for a damaged publication, with a version to go back to if there is one."""
    option = data_dir_option(data_dir)
    try:
        ways = [f"`make rollback VERSION={name}{option}`" for name in sound_versions(data_dir)]
    except OSError:
        ways = []
    first = f"Go back with {ways[0]}, or run" if ways else "No version is sound: run"
    return CustomerIntelligenceError("E_DAMAGED", what, f"{first} `make build{option}`.")


def old_publication(published: Path) -> Path | None:
    """Return the file that the layout of earlier releases names, or None where there is none."""
    try:
        version = files.read_text(published / OLD_CURRENT, max_bytes=200).strip()
        path = published / f"marts-{version}.duckdb"
        return path if OLD_VERSION_NAME.fullmatch(version) and files.is_regular(path) else None
    except (OSError, ValueError):
        return None


def previous_clusters(data_dir: str | os.PathLike[str]) -> list[tuple[int, float, float, float]]:
    """Return the centroids of the current version, for the next build to keep its ids.

    Parameters
    ----------
    data_dir : path
        The data directory.

    Returns
    -------
    list of tuple
        Id of each cluster and its centroid in days since last order, frequency and net revenue.
        Empty where nothing can be read: no version, a damaged one, or one of an earlier form.
        Fresh ids are better than no build.
    """
    try:
        with opened_before(Path(data_dir)) as marts:
            return marts.execute(
                """
                select
                    cluster_id,
                    centroid_days_since_last_order,
                    centroid_frequency,
                    centroid_net_revenue
                from rpt_cluster_profiles
                where
                    centroid_days_since_last_order between 0 and 1e18
                    and centroid_frequency between 0 and 1e18
                    and centroid_net_revenue between 0 and 1e18
                order by cluster_id
                """
            ).fetchall()
    except (CustomerIntelligenceError, *READ_ERRORS):
        return []


def previous_horizon(
    data_dir: str | os.PathLike[str], load_ids: Sequence[str]
) -> list[tuple[int, dt.date]]:
    """Return the churn window of the current version, for the next build to keep it.

    Parameters
    ----------
    data_dir : path
        The data directory.
    load_ids : sequence of str
        The loads of the shop that is built.

    Returns
    -------
    list of tuple
        Days of the window and as-of day. Empty where nothing can be read, where the version has no
        load in common with the shop, as after the bundled sample, or where a var named the window.
    """
    try:
        with opened_before(Path(data_dir)) as marts:
            return marts.execute(
                """
                select cast(horizon_days as integer), build_info.as_of_date
                from rpt_churn_horizon
                cross join build_info
                where
                    is_chosen
                    and chosen_by <> 'variable'
                    and exists (
                        select 1 from rpt_loads where list_contains($load_ids, load_id)
                    )
                """,
                {"load_ids": list(load_ids)},
            ).fetchall()
    except (CustomerIntelligenceError, *READ_ERRORS):
        return []


def opened_before(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open what was published last, also in the layout of an earlier release."""
    try:
        return open_marts(data_dir)
    except CustomerIntelligenceError as error:
        old = old_publication(data_dir / PUBLISHED) if error.code == "E_OLD_LAYOUT" else None
        if old is None:
            raise
        return duckdb.connect(str(old), read_only=True, config=dict(READER_CONFIG))
