"""Read the published marts.

Readers never open the work database of a build: they follow `CURRENT` to the newest
complete, audited file, which is never written again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError

DATA_DIR_VARIABLE = "CUSTOMER_INTELLIGENCE_DATA_DIR"
DEFAULT_DATA_DIR = Path("data") / "local"
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
VERSION_PATTERN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


def data_directory(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the data directory: the argument, the environment's, or the default."""
    return Path(data_dir or os.environ.get(DATA_DIR_VARIABLE) or DEFAULT_DATA_DIR)


def current_version(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return the version that `CURRENT` names.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` when no build has published marts in this directory,
        `E_DAMAGED` when `CURRENT` holds no name of a version.
    """
    current = data_directory(data_dir) / "published" / "CURRENT"
    try:
        version = current.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise CustomerIntelligenceError(
            "E_NOT_PUBLISHED",
            f"No marts have been published in {current.parent}.",
            "Run `make build` first, or name the directory of an earlier build.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(current.parent, f"{current} cannot be read: {error}.") from error
    # A name only, never a path: it becomes part of one.
    if not VERSION_PATTERN.fullmatch(version):
        raise _damaged(current.parent, f"{current} holds {version[:40]!r}, which is no version.")
    return version


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
        A connection whose only tables are the marts and `_meta`. It cannot read other
        files, load extensions, attach databases or change its own settings.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` when there is nothing to open, `E_DAMAGED` when the file that
        `CURRENT` names is missing or no database.
    """
    published = data_directory(data_dir) / "published"
    version = current_version(data_dir)
    while True:
        path = published / f"marts-{version}.duckdb"
        try:
            return duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG))
        except duckdb.ConnectionException:
            # This process holds the file open with settings of its own.
            raise
        except duckdb.Error as error:
            # A newer build may have pruned this version since CURRENT was read.
            tried, version = version, current_version(data_dir)
            if version == tried:
                reason = str(error).splitlines()[0]
                raise _damaged(published, f"{path} cannot be opened: {reason}") from error


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
        with open_marts(data_dir) as marts:
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
    except (CustomerIntelligenceError, duckdb.Error):
        return []


def _damaged(published: Path, what: str) -> CustomerIntelligenceError:
    kept = sorted(
        (path.stem.removeprefix("marts-") for path in published.glob("marts-*.duckdb")),
        reverse=True,
    )
    return CustomerIntelligenceError(
        "E_DAMAGED",
        what,
        f"Run `make rollback VERSION=…` with another version ({', '.join(kept) or 'none'} kept) "
        "or `make build`.",
    )
