"""Draft a mapping from the records of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.check_data.draft import Column, Draft, draft_mapping
from customer_intelligence.check_data.draft.rules import draft_nobody, draft_rules, draft_statuses
from customer_intelligence.check_data.draft_files import draft_files, files_beside
from customer_intelligence.ingest.columns import is_unique
from customer_intelligence.ingest.files import shown_names
from customer_intelligence.ingest.names import points
from customer_intelligence.ingest.pipeline import probe

# So many cells are looked at, in blocks of records that stand together, as lines of an order do.
LOOKED_AT_CELLS = 400_000
LOOKED_AT_RECORDS = 20_000
# So many points has the name of a column that says who bought.
STANDS_IN = 3
BLOCK = 200


def draft_of(path: Path) -> Draft:
    """Draft a mapping for a file.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused whatever its columns mean.
    """
    files, notes = draft_files(path) if path.is_dir() else (None, [])
    with probe(path, files) as (header, connection):
        columns = _columns(connection, header)
        draft = draft_mapping(columns)
        draft.notes += notes
        if files:
            draft.content["files"] = files
        elif lacking := [
            field for field in ("invoice_date", "customer_id") if field not in draft.proposals
        ]:
            draft.notes += _beside(path, header, lacking)
        stated: dict[str, Any] = {}
        for field, draft_of_field in (
            ("stock_code", draft_rules),
            ("status", draft_statuses),
            ("customer_id", draft_nobody),
        ):
            proposal = draft.proposals.get(field)
            if proposal is not None:
                positions = [header.index(name) for name in proposal.columns]
                rules, notes = draft_of_field(_values(connection, positions))
                draft.notes += notes
                stated |= rules
        if stated:
            draft.content["rules"] = stated
    return draft


def _beside(path: Path, header: Sequence[str], lacking: Sequence[str]) -> list[str]:
    """Name the files that may contain what one lacks."""
    others = files_beside(path, header)
    if not others:
        return []
    return [
        f"no column for {' and '.join(lacking)}, and {shown_names(others)} beside it may be of the "
        "same export: give the directory as DATA then"
    ]


def stand_ins(path: Path, taken: Sequence[str]) -> list[str]:
    """Return the columns that may say who bought, filled on most records, beside those taken."""
    with probe(path) as (header, connection):
        columns = _columns(connection, header)
    return [
        column.name
        for column in columns
        if column.name not in taken
        and 2 * column.filled >= len(column.rows)
        and points("customer_id", column.name) >= STANDS_IN
    ]


def _columns(connection: duckdb.DuckDBPyConnection, header: Sequence[str]) -> list[Column]:
    ((records,),) = connection.execute("select count(*) from probe").fetchall()
    wanted = max(BLOCK, min(LOOKED_AT_RECORDS, LOOKED_AT_CELLS // max(1, len(header))))
    step = max(1, -(-records // wanted))
    positions = [at for at, name in enumerate(header) if name.strip() and is_unique(name, header)]
    texts = ", ".join(f"coalesce(trim(cast(c{at} as varchar)), '')" for at in positions)
    if not positions:
        return []
    # Dates of a workbook are no text.
    rows = connection.execute(
        f"select {texts}, coalesce(cast(date_cell as varchar), '') from probe "  # noqa: S608  # nosec
        f"where (record_number // {BLOCK}) % {step} = 0 order by record_number"
    ).fetchall()
    names = [header[at] for at in positions]
    plain = [name.strip() for name in names]
    # A header that is repeated further down is no record.
    rows = [row for row in rows if list(row[:-1]) != plain]
    seen = list(zip(*rows, strict=True)) or [()] * (len(names) + 1)
    return [Column(name, values) for name, values in zip(names, seen[:-1], strict=True)]


def _values(
    connection: duckdb.DuckDBPyConnection, positions: Sequence[int]
) -> list[tuple[str, int]]:
    """Return the distinct values of a field with the number of their records."""
    filled = ", ".join(f"nullif(trim(cast(c{at} as varchar)), '')" for at in positions)
    code = f"coalesce({filled}, '')"
    return connection.execute(
        f"select {code} as code, count(*) from probe where {code} <> '' group by code "  # noqa: S608  # nosec
        "order by count(*) desc, code"
    ).fetchall()
