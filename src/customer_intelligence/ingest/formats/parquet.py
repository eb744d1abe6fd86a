"""Parquet files: how DuckDB scans one, and how large its content is once expanded."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.quoting import identifier, path_literal

# Invoice lines take a twentieth of their text at best; a value that is repeated takes nothing.
MAX_RATIO = 100
ALWAYS_ALLOWED = 1 << 30


def scan(path: Path, *, numbered: bool = False) -> str:
    """Write the table function that reads a file; numbered, with a column ``file_row_number``."""
    return (
        f"read_parquet({path_literal(path)}, hive_partitioning = false, binary_as_string = true, "
        f"file_row_number = {str(numbered).lower()})"
    )


def check_expansion(path: Path, connection: duckdb.DuckDBPyConnection) -> int:
    """Refuse a file that expands far beyond its size, before its values are read.

    Parameters
    ----------
    path : Path
        A Parquet file.
    connection : DuckDBPyConnection
        To measure texts with; their lengths are known without the texts being copied.

    Returns
    -------
    int
        Bytes that its values take as text, to their order of magnitude.

    Raises
    ------
    CustomerIntelligenceError
        E_TOO_BIG.
    """
    size = path.stat().st_size
    limit = max(ALWAYS_ALLOWED, MAX_RATIO * size)
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    # A value takes a byte at least, whatever the file says of itself.
    stated: int = max(
        sum(max(chunk.num_values, chunk.total_uncompressed_size) for chunk in chunks),
        max(metadata.num_rows, sum(group.num_rows for group in groups)) * metadata.num_columns,
    )
    _check(path, stated, limit, size)
    described = connection.execute(f"describe select * from {scan(path)}").fetchall()  # noqa: S608  # nosec
    lengths = [_length(identifier(name), kind) for name, kind, *_ in described]
    wide = " + ".join(length for length in lengths if length)
    if not wide:
        return stated
    ((measured,),) = connection.execute(f"select sum({wide}) from {scan(path)}").fetchall()  # noqa: S608  # nosec
    _check(path, int(measured or 0), limit, size)
    return max(stated, int(measured or 0))


def _length(column: str, kind: str) -> str | None:
    """Write the length of a value in bytes as SQL; None for types of a few bytes."""
    if kind == "VARCHAR":
        return f"coalesce(strlen({column}), 0)::hugeint"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT", "BLOB")):
        return f"coalesce(strlen(cast({column} as varchar)), 0)::hugeint"
    return None


def _check(path: Path, held: int, limit: int, size: int) -> None:
    if held > limit:
        raise CustomerIntelligenceError(
            "E_TOO_BIG",
            f"{path.name} would expand to {held:,} bytes, {held / size:,.0f} times its size; "
            f"allowed are {MAX_RATIO} times and {ALWAYS_ALLOWED:,} bytes.",
            "If the file is what it should be, export it as CSV, or split it.",
        )
