"""DuckDB's COPY of all columns into a new file: `python copy_all.py INVOICES.parquet OUT`."""

import sys
from pathlib import Path

import duckdb


def main(file: str, out: Path) -> None:
    """Write the copy."""
    with duckdb.connect() as database:
        database.execute("set preserve_insertion_order = false")
        copied = (
            f"copy (from read_parquet('{file}')) to '{out / 'lines.parquet'}' (compression zstd)"
        )
        database.execute(copied)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
