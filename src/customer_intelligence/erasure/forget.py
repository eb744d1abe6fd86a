"""Erase a customer from a data directory.

Erasing removes the customer from the raw files and the assignments of campaigns, and deletes all
copies: the work database, the report, and leftovers of processes that did not finish. The next
build publishes marts without the customer and deletes all older versions. The customer's lines
stay as anonymous lines, so totals do not change.
"""

from __future__ import annotations

import datetime as dt
import glob
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import duckdb

from customer_intelligence.data_dir import lock
from customer_intelligence.data_dir.layout import (
    BUILD,
    CAMPAIGNS,
    KEPT_IN_BUILD,
    LEFTOVERS,
    PUBLISHED,
    RAW,
    REPORT_FILE,
    ROWS_FILE,
    is_own,
)
from customer_intelligence.erasure.traces import Traces, shown, walk
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import do_not_contact, load, tombstones
from customer_intelligence.ingest.pseudonyms import same_id, stored_ids, without_unseen
from customer_intelligence.lists import campaign

TEXTS = ("description", "country")
_MOST_SHOWN = 5


class Erasure(NamedTuple):
    """What was erased."""

    loads: int
    records: int
    campaigns: int
    removed: tuple[str, ...]
    """Files and folders that held copies, within the data directory."""
    others: tuple[str, ...]
    """Files that are not the project's: they stay as they are."""

    def lines(self) -> list[str]:
        """Return the report for the person who asked."""
        found = [
            f"erased from {_counted(self.records, 'record')} of {_counted(self.loads, 'load')} and "
            f"{_counted(self.campaigns, 'campaign')}; the build that follows publishes without the "
            "customer and deletes all older versions"
        ]
        if self.removed:
            found.append(f"removed, because they hold copies: {', '.join(self.removed)}")
        if self.others:
            found.append(f"not the project's, so check them yourself: {_few(self.others)}")
        return found


class Verification(NamedTuple):
    """Where a customer is still named, and what could not be searched."""

    named: tuple[str, ...]
    """Files, and tables or columns in them, that name the customer."""
    untold: tuple[str, ...]
    """Files that may name the customer, and why nothing better can be said."""
    notes: tuple[str, ...]
    """What was not searched for, because it cannot be told from other texts."""

    @property
    def is_clean(self) -> bool:
        """Whether all files were searched and none names the customer."""
        return not self.named and not self.untold

    def lines(self) -> list[str]:
        """Return the report for the person who asked."""
        found = [f"still named in {place}" for place in self.named]
        found += [f"cannot tell: {place}" for place in self.untold]
        if self.is_clean:
            where = "in none of the customer ids of" if self.notes else "nowhere in"
            found.append(
                f"the customer is named {where} this data directory; your own files are yours"
            )
        return [*found, *self.notes]


def erase(data_dir: Path, customer: str) -> Erasure:
    """Remove a customer from the raw files, and from every file loaded from now on.

    It can be repeated after an interruption; what was done stays done.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    customer : str
        The customer's id as in the source files, in any spelling (`pseudonyms.same_id`).

    Returns
    -------
    Erasure

    Raises
    ------
    CustomerIntelligenceError
        `E_UNKNOWN_CUSTOMER` when nothing names the customer and nothing ever did, `E_LOCKED` while
        a build or a load is running, `E_DATA_DIR` or `E_TOMBSTONES` when a file of the project
        cannot be read; nothing changes then. `E_CANNOT_ERASE` when a file cannot be changed.
    """
    _check(data_dir, customer)
    with lock.held(data_dir), load.open_raw(data_dir) as raw:
        manifests = load.read_manifests(raw)
        ids = stored_ids(customer, manifests)
        traces = Traces(ids)
        files = [raw / manifest["load_id"] / ROWS_FILE for manifest in manifests]
        counts = {rows: _count(rows, traces) for rows in files}
        found = {rows: records for rows, records in counts.items() if records}
        assignments = [
            path
            for path in sorted((data_dir / CAMPAIGNS).rglob("[!.]*.parquet"))
            if campaign.rows_of(path, ids)
        ]
        if not (found or assignments or tombstones.is_erased(raw, *ids)):
            # Published versions may hold who is in no load any more.
            _refuse_unknown(traces.search(data_dir).named, data_dir)
        try:
            # First the tombstone: whatever happens next, the customer does not come back.
            tombstones.add_tombstone(raw, ids[0], dt.datetime.now(dt.UTC))
            for rows in found:
                _rewrite(rows, traces)
            for path in assignments:
                campaign.erase(path, ids)
            do_not_contact.erase(data_dir, {*ids, same_id(customer)})
            removed = _remove_copies(data_dir)
        except OSError as error:
            raise CustomerIntelligenceError(
                "E_CANNOT_ERASE",
                f"{error.filename or data_dir} cannot be changed: {error.strerror or error}.",
                "Make room, or make it writable, then erase again: what was done stays done.",
            ) from error
        others = [path.relative_to(data_dir) for path, _ in walk(data_dir)]
    return Erasure(
        len(found),
        sum(found.values()),
        len(assignments),
        removed,
        tuple(shown(path) for path in others if not is_own(path)),
    )


def verify(data_dir: Path, customer: str) -> Verification:
    """Look for a customer in everything that a data directory holds.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    customer : str
        The customer's id as in the source files, in any spelling (`pseudonyms.same_id`).

    Returns
    -------
    Verification

    Raises
    ------
    CustomerIntelligenceError
        `E_UNKNOWN_CUSTOMER` when nothing names the customer and nothing ever did.
    """
    _check(data_dir, customer)
    raw = data_dir / RAW
    ids = stored_ids(customer, load.read_manifests(raw) if raw.is_dir() else [])
    traces = Traces(tuple(dict.fromkeys((*ids, same_id(customer)))))
    findings = traces.search(data_dir)
    places = [(path, path.relative_to(data_dir).as_posix()) for path in findings.may_name]
    untold = [
        f"{shown(path)} holds {traces.ids[-1]!r}, which may mean something else"
        for path, place in places
        if not is_own(Path(place))
    ]
    untold += findings.untold
    if not untold and not tombstones.is_erased(raw, *ids):
        _refuse_unknown(findings.named, data_dir)
    notes = []
    if len(traces.telling) < len(traces.ids):
        stands = [shown(Path(place)) for _, place in places if is_own(Path(place))]
        notes.append(
            f"{traces.ids[-1]!r} cannot be told from other numbers and words within a text: it was "
            "searched in columns of customer ids, in quarantined records and in lists, not in "
            "descriptions and other texts"
            + (f"; it stands, whatever it means there, in {_few(stands)}" if stands else "")
        )
    return Verification(tuple(findings.named), tuple(untold), tuple(notes))


def _check(data_dir: Path, customer: str) -> None:
    if not same_id(customer):
        raise CustomerIntelligenceError(
            "E_UNKNOWN_CUSTOMER", "No customer is named.", "Say CUSTOMER=id."
        )
    if not data_dir.is_dir():
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{data_dir} is no data directory.",
            "Name the one that holds the customer with DATA_DIR=….",
        )


def _refuse_unknown(named: list[str], data_dir: Path) -> None:
    if not named:
        raise CustomerIntelligenceError(
            "E_UNKNOWN_CUSTOMER",
            f"Nothing in {data_dir} names this customer, and no such customer was erased.",
            "Check the id: leading zeros count, and upper and lower case except in e-mail "
            "addresses.",
        )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _few(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _count(rows: Path, traces: Traces) -> int:
    if rows.is_symlink() or not rows.is_file():
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{rows} is missing, or is a link to a file elsewhere.",
            "Restore it from a backup, or remove its load and add the file again.",
        )
    with duckdb.connect() as connection:
        try:
            counted = connection.execute(
                f"select count(*) from read_parquet([$rows]) where {_names(traces)}",  # noqa: S608  # nosec
                {"rows": glob.escape(str(rows)), **traces.parameters},
            ).fetchone()
        except duckdb.Error as error:
            raise CustomerIntelligenceError(
                "E_DATA_DIR",
                f"{rows} cannot be read: {str(error).splitlines()[0]}.",
                "Restore it from a backup, or remove its load and add the file again.",
            ) from error
    return counted[0] if counted else 0


def _names(traces: Traces) -> str:
    # In other texts than these an id of digits alone may mean anything.
    in_texts = (f"regexp_matches({without_unseen(text)}, $in_text)" for text in TEXTS)
    in_record = f"regexp_matches({without_unseen('raw_record')}, $in_json)"
    return " or ".join([traces.in_column("customer_id"), in_record, *in_texts])


def _rewrite(rows: Path, traces: Traces) -> None:
    def without(text: str) -> str:
        # Twice, because two ids may share the blank between them.
        cut = without_unseen(text)
        for _ in range(2):
            cut = f"regexp_replace({cut}, $in_text, '\\1\\2', 'g')"
        return (
            f"case when regexp_matches({without_unseen(text)}, $in_text) "
            f"then nullif({cut}, '') else {text} end as {text}"
        )

    with load.temporary_load(rows.parent.parent) as work, duckdb.connect() as connection:
        rewritten = work / rows.name
        connection.execute(
            "copy (select * replace ("  # noqa: S608  # nosec
            f"case when not {traces.in_column('customer_id')} then customer_id end as customer_id, "
            f"case when regexp_matches({without_unseen('raw_record')}, $in_json) then $withheld "
            f"else raw_record end as raw_record, {', '.join(map(without, TEXTS))}) "
            "from read_parquet([$rows])) to $target (format parquet, compression zstd)",
            {
                **traces.parameters,
                "withheld": tombstones.WITHHELD,
                "rows": glob.escape(str(rows)),
                "target": str(rewritten),
            },
        )
        with rewritten.open("rb") as file:
            os.fsync(file.fileno())
        rewritten.replace(rows)


def _remove_copies(data_dir: Path) -> tuple[str, ...]:
    copies = [path for path in (data_dir / BUILD).iterdir() if path.name not in KEPT_IN_BUILD]
    copies.append(data_dir / REPORT_FILE)
    for pattern in LEFTOVERS:
        copies += data_dir.glob(pattern)
        for folder in (RAW, PUBLISHED, CAMPAIGNS):
            copies += (data_dir / folder).rglob(pattern)
    removed = [path for path in copies if os.path.lexists(path)]
    for path in removed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            # One leftover may lie in another.
            path.unlink(missing_ok=True)
    return tuple(sorted({shown(path.relative_to(data_dir)) for path in removed}))
