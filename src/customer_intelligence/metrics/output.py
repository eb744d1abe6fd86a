"""Answers as a table for people, and as CSV, JSON or Parquet for programs."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
from tabulate import tabulate

from customer_intelligence.lists.export import NUMBERS, defuse
from customer_intelligence.metrics.engine import Answer
from customer_intelligence.quoting import identifier, path_literal

# As many as the decimals of the marts have.
DECIMALS = 4


def as_table(answer: Answer) -> bytes:
    """Return lines for a terminal: figures with separated thousands, nothing where there is none.

    Examples
    --------
    >>> print(as_table(Answer(["segment", "orders"], ["VARCHAR", "BIGINT"], [("At Risk", 1234)])
    ... ).decode())
    segment      orders
    ---------  --------
    At Risk       1,234
    """
    sides = ["right" if _is_number(kind) else "left" for kind in answer.types]
    lines: str = tabulate(
        [[_shown(cell) for cell in row] for row in answer.rows],
        headers=answer.columns,
        colalign=sides if answer.rows else None,
        disable_numparse=True,
    )
    return lines.encode()


def as_csv(answer: Answer) -> bytes:
    """Return CSV with a header, safe to open in a spreadsheet; numbers are exact."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(answer.columns)
    writer.writerows(
        [defuse(cell) if isinstance(cell, str) else cell for cell in row] for row in answer.rows
    )
    return text.getvalue().encode()


def as_json(answer: Answer) -> bytes:
    """Return a JSON list with an object for each row; days are written as YYYY-MM-DD."""
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    return json.dumps(rows, default=_plain, indent=1).encode()


def as_parquet(answer: Answer) -> bytes:
    """Return a Parquet file of the same types."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        columns = ", ".join(
            f"{identifier(name)} {kind}"
            for name, kind in zip(answer.columns, answer.types, strict=True)
        )
        database.execute(f"create table answer ({columns})")
        if answer.rows:
            places = ", ".join("?" * len(answer.columns))
            database.executemany(f"insert into answer values ({places})", answer.rows)  # noqa: S608  # nosec
        path = Path(folder, "answer.parquet")
        database.execute(f"copy answer to {path_literal(path)} (format parquet)")
        return path.read_bytes()


WRITERS: dict[str, Callable[[Answer], bytes]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
    "parquet": as_parquet,
}


def _is_number(kind: str) -> bool:
    return kind.partition("(")[0] in NUMBERS


def _shown(cell: object) -> str:
    if isinstance(cell, bool) or cell is None:
        return "" if cell is None else str(cell).lower()
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float | Decimal):
        return f"{cell:,.{DECIMALS}f}"
    return str(cell)


def _plain(cell: object) -> float | str:
    return float(cell) if isinstance(cell, Decimal) else str(cell)
