"""One scan of six columns, the least that anybody can do: `python scan.py INVOICES.parquet`."""

import sys

import duckdb

COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")


def main(file: str) -> None:
    """Read every value of the columns."""
    # A hash, as counts and extremes may come from the statistics in the file.
    values = ", ".join(f"bit_xor(hash({column}))" for column in COLUMNS)
    with duckdb.connect() as database:
        print(
            database.execute(f"select {values} from read_parquet($file)", {"file": file}).fetchone()
        )


if __name__ == "__main__":
    main(sys.argv[1])
