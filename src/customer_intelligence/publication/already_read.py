"""What the work database holds of the loads already, so that a build reads only what is new.

A build that changes tables of lines first removes the note of what they hold, and writes it again
when each of them ended well. So after a kill, an error, a selection, or with other rules or other
code there is none, and every line is read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

import customer_intelligence
from customer_intelligence.data_dir.layout import RAW, ROWS_FILE
from customer_intelligence.ingest.raw_schema import Shop
from customer_intelligence.sources import digest_of

# What the tables of lines are made of, beside the loads.
_FOLDERS = ("macros", "models", "python_models", "seeds")
_COLUMNS = "last_load_number, first_invoice_date, last_invoice_date, as_of_date"


@dataclass(frozen=True)
class Lines:
    """What the tables of lines are made of now."""

    fingerprint: str
    """Of rules, vars and code."""
    rules: str
    """The same but for the as-of day."""
    loads: Mapping[str, Sequence[int]]
    """Number, bytes and time of each load, by its name; none where lines come from a relation."""


@dataclass(frozen=True)
class AlreadyRead:
    """The loads that the tables of lines hold, and the span by which their days were judged."""

    last_load_number: int
    first_invoice_date: dt.date | None
    last_invoice_date: dt.date | None
    as_of_date: dt.date | None


def lines_now(project: Path, shop: Shop, variables: Mapping[str, object]) -> Lines:
    """Return what the tables of lines are made of now.

    Parameters
    ----------
    project : Path
        The dbt project.
    shop : Shop
    variables : mapping
        The value of every var.
    """
    code = digest_of(project, _FOLDERS), digest_of(Path(customer_intelligence.__file__).parent, ".")
    parts = (*code, duckdb.__version__, shop.rules)
    lasting = {name: value for name, value in variables.items() if name != "as_of_date"}
    loads = {}
    if shop.place is not None:
        for manifest in shop.manifests:
            found = (shop.place / RAW / manifest["load_id"] / ROWS_FILE).stat()
            stamp = [manifest["load_number"], found.st_size, found.st_mtime_ns]
            loads[manifest["load_id"]] = stamp
    return Lines(_hash(*parts, variables), _hash(*parts, lasting), loads)


def _hash(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def take_note(
    connection: duckdb.DuckDBPyConnection, lines: Lines
) -> tuple[AlreadyRead | None, str]:
    """Remove the note of the last build, and return it if it holds for the lines of now.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the work database, with no transaction open.
    lines : Lines

    Returns
    -------
    AlreadyRead or None
        None where all lines are to be read.
    str
        What is read, in words; empty where there was no note.
    """
    try:
        note = connection.execute(
            f"select fingerprint, loads, {_COLUMNS} from kept.already_read"  # noqa: S608  # nosec
        ).fetchone()
    except duckdb.CatalogException:
        return None, ""
    connection.execute("drop schema kept cascade")
    if note is None or note[0] != lines.fingerprint:
        return None, "all lines are read: rules, vars or code have changed"
    before, already = json.loads(note[1]), AlreadyRead(*note[2:])
    later = {name: stamp for name, stamp in lines.loads.items() if name not in before}
    if any(lines.loads.get(name) != stamp for name, stamp in before.items()) or any(
        stamp[0] <= already.last_load_number for stamp in later.values()
    ):
        return None, "all lines are read: loads of before have changed"
    return already, f"{len(later) or 'none'} new since the last build"


def leave_note(connection: duckdb.DuckDBPyConnection, lines: Lines, as_of: str) -> None:
    """Note that the tables of lines hold these loads.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the work database, with no transaction open.
    lines : Lines
        As they were when the build began.
    as_of : str
        The relation of the model int_as_of.
    """
    if not lines.loads:
        return
    connection.begin()
    try:
        connection.execute("create schema kept")
        connection.execute(
            "create table kept.already_read as select $fingerprint as fingerprint, "  # noqa: S608  # nosec
            "$loads as loads, cast($last as integer) as last_load_number, first_invoice_date, "
            f"last_invoice_date, as_of_date from {as_of}",
            {
                "fingerprint": lines.fingerprint,
                "loads": json.dumps(lines.loads),
                "last": max(stamp[0] for stamp in lines.loads.values()),
            },
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
