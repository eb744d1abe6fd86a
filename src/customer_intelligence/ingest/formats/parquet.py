"""Parquet files: how DuckDB scans one, and no other."""

from pathlib import Path

from customer_intelligence.ingest.sql import path_literal


def scan(path: Path, *, numbered: bool = False) -> str:
    """Write the table function that reads a file; numbered, with a column ``file_row_number``."""
    return (
        f"read_parquet({path_literal(path)}, hive_partitioning = false, binary_as_string = true, "
        f"file_row_number = {str(numbered).lower()})"
    )
