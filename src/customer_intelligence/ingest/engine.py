"""The DuckDB connection that reads files: bounded, offline, and wary of what files say."""

import os
from pathlib import Path

import duckdb

MEMORY_LIMIT = "2GB"
# A mistake of this program; anything else that DuckDB raises comes of a damaged file.
MISTAKES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


def connect(spill: Path | None = None, spill_bytes: int = 0) -> duckdb.DuckDBPyConnection:
    """Open a database in memory.

    Parameters
    ----------
    spill : Path, optional
        Directory for what does not fit into memory; without one nothing is spilled.
    spill_bytes : int
        What may be put there at most.
    """
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": str(min(4, os.cpu_count() or 1)),
            "temp_directory": "" if spill is None else str(spill),
            "max_temp_directory_size": f"{spill_bytes}B",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
        }
    )
    # No zone of this machine decides what an instant is.
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    # The slow path writes again what the fast one wrote; no remembered block may stand in for it.
    connection.execute("set enable_external_file_cache = false")
    # A damaged Parquet file may state bounds that its values do not keep to.
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    return connection
