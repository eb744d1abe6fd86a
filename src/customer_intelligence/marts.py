"""Read the published marts.

Readers never open the work database of a build: they follow `CURRENT` to the newest
complete, audited file, which is never written again.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError

DATA_DIR_VARIABLE = "CUSTOMER_INTELLIGENCE_DATA_DIR"
DEFAULT_DATA_DIR = Path("data") / "local"
# Nothing that a query says can reach a file, the network or another database.
READER_CONFIG = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "lock_configuration": "true",
    "threads": "2",
    "memory_limit": "1GB",
}
_TRIES = 5


def data_directory(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the data directory: the argument, the environment's, or the default."""
    return Path(data_dir or os.environ.get(DATA_DIR_VARIABLE) or DEFAULT_DATA_DIR)


def current_version(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return the version that `CURRENT` names.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` when no build has published marts in this directory.
    """
    current = data_directory(data_dir) / "published" / "CURRENT"
    try:
        return current.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise CustomerIntelligenceError(
            "E_NOT_PUBLISHED",
            f"No marts have been published in {current.parent}.",
            "Run `make build` first, or name the directory of an earlier build.",
        ) from None


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
        `E_NOT_PUBLISHED` when there is nothing to open.
    """
    published = data_directory(data_dir) / "published"
    for attempt in range(_TRIES):
        path = published / f"marts-{current_version(data_dir)}.duckdb"
        try:
            return duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG))
        except duckdb.IOException:
            # A newer build may have pruned this version since CURRENT was read.
            if path.exists() or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")
