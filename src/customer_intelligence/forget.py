"""Erase a customer from a data directory: `python -m customer_intelligence.forget`.

Erasing takes the customer out of the raw files and removes the work database, which holds
copies; the next build publishes marts without the customer and deletes all older versions.
The customer's lines stay, as lines of nobody: what was sold still adds up to the penny.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import duckdb

from customer_intelligence import campaign, lock
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load, tombstones
from customer_intelligence.ingest.pseudonyms import is_distinctive, stored_id
from customer_intelligence.marts import READER_CONFIG, data_directory

TEXTS = ("description", "country")
CHUNK_BYTES = 1 << 24


class Erasure(NamedTuple):
    """What was erased from the raw files."""

    loads: int
    records: int


def erase(data_dir: Path, customer: str) -> Erasure:
    """Take a customer out of the raw files, and out of every file loaded from now on.

    It can be repeated after an interruption; what was done stays done.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    customer : str
        The customer's id as in the source files.

    Returns
    -------
    Erasure
        Loads and records that named the customer.

    Raises
    ------
    CustomerIntelligenceError
        `E_UNKNOWN_CUSTOMER` when no load names the customer and none ever did, `E_LOCKED` while
        a build or a load is running; nothing changes then.
    """
    with lock.held(data_dir), load.open_raw(data_dir) as raw:
        manifests = load.read_manifests(raw)
        wanted = stored_id(customer, manifests)
        files = [raw / manifest["load_id"] / load.ROWS_FILE for manifest in manifests]
        counts = {rows: _count(rows, wanted) for rows in files}
        found = {rows: records for rows, records in counts.items() if records}
        if not found and not tombstones.is_erased(raw, wanted):
            raise CustomerIntelligenceError(
                "E_UNKNOWN_CUSTOMER",
                f"No load in {raw} names this customer.",
                "Check the id: upper and lower case and leading zeros count.",
            )
        # First the tombstone: whatever happens next, the customer does not come back.
        tombstones.add_tombstone(raw, wanted, dt.datetime.now(dt.UTC))
        for rows in found:
            _rewrite(rows, wanted)
        for assignment in (data_dir / campaign.FOLDER).rglob("*.parquet"):
            campaign.erase(assignment, wanted)
        _remove_copies(data_dir / "build")
    return Erasure(len(found), sum(found.values()))


def verify(data_dir: Path, customer: str) -> list[str]:
    """Look for a customer in everything that a data directory holds.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    customer : str
        The customer's id as in the source files.

    Returns
    -------
    list of str
        Where the customer was found: files, and tables in them; empty when nowhere.
    """
    raw = data_dir / "raw"
    wanted = stored_id(customer, load.read_manifests(raw))
    found = []
    for path in sorted(path for path in data_dir.rglob("*") if path.is_file()):
        if path.name == load.ROWS_FILE and path.parent.parent == raw:
            found += [str(path)] if _count(path, wanted) else []
        elif path.suffix == ".parquet" and data_dir / campaign.FOLDER in path.parents:
            found += [str(path)] if campaign.rows_of(path, wanted) else []
        elif path.suffix == ".duckdb":
            found += [f"{path}: {table}" for table in _tables_naming(path, wanted)]
        if is_distinctive(wanted) and _holds_bytes(path, wanted):
            found.append(f"{path}: bytes")
    return found


def _parameters(customer: str) -> dict[str, object]:
    # Within a text the id stands between anything but letters and digits; within a raw record it
    # stands as JSON wrote it. In other texts an id of digits alone may mean anything.
    bounds = "(^|[^0-9A-Za-z])", "($|[^0-9A-Za-z])"
    in_text = re.escape(customer).join(bounds) if is_distinctive(customer) else "$^"
    in_json = re.escape(json.dumps(customer, ensure_ascii=False)[1:-1]).join(bounds)
    return {"customer": customer, "in_text": in_text, "in_json": in_json}


def _count(rows: Path, customer: str) -> int:
    in_texts = " or ".join(f"regexp_matches({text}, $in_text)" for text in TEXTS)
    with duckdb.connect() as connection:
        counted = connection.execute(
            "select count(*) from read_parquet([$rows]) where trim(customer_id) = $customer "  # noqa: S608  # nosec
            f"or regexp_matches(raw_record, $in_json) or {in_texts}",
            {"rows": str(rows), **_parameters(customer)},
        ).fetchone()
    return counted[0] if counted else 0


def _rewrite(rows: Path, customer: str) -> None:
    texts = ", ".join(
        f"nullif(regexp_replace({text}, $in_text, '\\1\\2', 'g'), '') as {text}" for text in TEXTS
    )
    with load.temporary_load(rows.parent.parent) as work, duckdb.connect() as connection:
        rewritten = work / rows.name
        connection.execute(
            "copy (select * replace ("  # noqa: S608  # nosec
            "case when trim(customer_id) <> $customer then customer_id end as customer_id, "
            "case when regexp_matches(raw_record, $in_json) then $withheld else raw_record end "
            f"as raw_record, {texts}) from read_parquet([$rows])) "
            "to $target (format parquet, compression zstd)",
            {
                **_parameters(customer),
                "withheld": tombstones.WITHHELD,
                "rows": str(rows),
                "target": str(rewritten),
            },
        )
        with rewritten.open("rb") as file:
            os.fsync(file.fileno())
        rewritten.replace(rows)


def _remove_copies(build: Path) -> None:
    for path in build.iterdir():
        if path.name in (".lock", ".gitkeep"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _tables_naming(path: Path, customer: str) -> list[str]:
    found = []
    with duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG)) as database:
        tables = database.execute(
            # Views hold nothing of their own.
            "select schema_name, table_name from duckdb_columns() "
            "semi join duckdb_tables() using (schema_name, table_name) "
            "where column_name = 'customer_id' and not internal order by all"
        ).fetchall()
        for schema, table in tables:
            named = database.execute(
                f'select 1 from "{schema}"."{table}" where customer_id = ? limit 1',  # noqa: S608  # nosec
                [customer],
            ).fetchone()
            if named:
                found.append(table)
    return found


def _holds_bytes(path: Path, customer: str) -> bool:
    # Between letters or digits it is a part of a longer id, which belongs to somebody else.
    pattern = re.compile(
        b"(?<![0-9A-Za-z])" + re.escape(customer.encode()) + b"(?![0-9A-Za-z])"
        b"|" + re.escape(customer.encode("utf-16-le"))
    )
    overlap = 4 * len(customer) + 2
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            block = tail + chunk
            if pattern.search(block):
                return True
            tail = block[-overlap:]
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when it did what was asked, 1 when verification fails, 2 else."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_intelligence.forget",
        description="Erase a customer from the raw files; then build to publish without them.",
    )
    parser.add_argument("--data-dir", type=Path, help="the data directory")
    commands = parser.add_subparsers(dest="command", required=True)
    erasing = commands.add_parser("erase", help="take the customer out of the raw files")
    verifying = commands.add_parser("verify", help="look for the customer in every file")
    for command in (erasing, verifying):
        command.add_argument("customer", help="the customer's id as in the source files")
    options = parser.parse_args(arguments)
    data_dir = data_directory(options.data_dir)
    try:
        if not options.customer.strip():
            raise CustomerIntelligenceError(
                "E_UNKNOWN_CUSTOMER", "No customer is named.", "Say CUSTOMER=id."
            )
        if options.command == "erase":
            erasure = erase(data_dir, options.customer)
            print(
                f"erased from {erasure.records:,} records of {erasure.loads} loads; the build "
                "that follows publishes without the customer and deletes all older versions"
            )
            return 0
        found = verify(data_dir, options.customer)
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    for place in found:
        print(f"still named in {place}", file=sys.stderr)
    if not found:
        print("the customer is named nowhere in this data directory; your own files are yours")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
