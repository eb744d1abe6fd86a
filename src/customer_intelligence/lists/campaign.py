"""Start a campaign from the published list of actions.

Two files are written: the contacts, as CSV for the tool that sends the messages, and the
assignment of everybody who could have been contacted, into the data directory. Later builds read
the assignment and compare those contacted with those held out (`rpt_campaign_readout`).
"""

from __future__ import annotations

import datetime as dt
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from customer_intelligence.data_dir import files, lock
from customer_intelligence.data_dir.layout import CAMPAIGNS, RAW
from customer_intelligence.data_dir.outputs import check_output
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.do_not_contact import not_listed
from customer_intelligence.ingest.pseudonyms import same_id
from customer_intelligence.lists.design import Design, design
from customer_intelligence.lists.export import export_query, not_erased
from customer_intelligence.publication.reader import reading

CONTACTS = """
    select
        priority,
        customer_id,
        action,
        action_label,
        reason_1,
        reason_2,
        reason_3,
        suggested_stock_code,
        suggested_description,
        churn_probability,
        value_at_risk,
        expected_gain,
        valid_until
    from fct_customer_actions
    where list_contains($actions, action) and not is_holdout
"""
_FORM = pa.schema(
    [
        ("campaign", pa.string()),
        ("starts_on", pa.date32()),
        ("customer_id", pa.string()),
        ("action", pa.string()),
        ("is_holdout", pa.bool_()),
    ]
)


class Started(NamedTuple):
    """What a started campaign consists of."""

    campaign: str
    starts_on: dt.date
    contacts: int
    held_out: int
    assignment: Path
    design: Design


def start(
    data_dir: Path,
    out: Path,
    *,
    actions: Sequence[str] = (),
    starts_on: dt.date | None = None,
) -> Started:
    """Record who is contacted and who is held out, and write the list of contacts.

    The same call on the same marts writes the same files again.

    Parameters
    ----------
    data_dir : Path
        The data directory, with published marts.
    out : Path
        The CSV file of the contacts, outside the folders that the project keeps its files in.
    actions : sequence of str
        The actions of the campaign; by default all that contact customers.
    starts_on : date, optional
        First day on which orders count as an outcome; by default the day after the as-of date.

    Returns
    -------
    Started
        Name of the campaign, its first day, customers contacted and held out, the file of the
        assignment, and what the campaign can measure.

    Raises
    ------
    CustomerIntelligenceError
        `E_UNKNOWN_ACTION`, `E_NO_CONTACTS`, `E_STARTS_TOO_EARLY` where outcomes are known
        already, `E_CAMPAIGN_EXISTS` where it was started before with other customers,
        `E_LOCKED` while a build is running, and those of `export.export_query` and `reading`;
        nothing is written then.
    """
    check_output(out, data_dir)
    with lock.held(data_dir), reading(data_dir) as marts:
        known = [
            name
            for (name,) in marts.execute(
                "select action from rpt_actions where is_contact order by action_rank"
            ).fetchall()
        ]
        unknown = sorted(set(actions) - set(known))
        if unknown:
            raise CustomerIntelligenceError(
                "E_UNKNOWN_ACTION",
                f"{', '.join(unknown)}: no action that contacts customers.",
                f"Actions are: {', '.join(known)}.",
            )
        chosen = list(actions) or known
        (as_of_date,) = marts.execute("select as_of_date from build_info").fetchall()[0]
        first_day = starts_on or as_of_date + dt.timedelta(days=1)
        if first_day <= as_of_date:
            raise CustomerIntelligenceError(
                "E_STARTS_TOO_EARLY",
                f"The list uses data until {as_of_date}; a campaign that starts on {first_day} "
                "would be judged on orders that the list already used.",
                f"Start on {as_of_date + dt.timedelta(days=1)} or later.",
            )
        condition, known_erased = not_erased("customer_id", data_dir / RAW)
        unlisted, known_listed = not_listed("customer_id", data_dir)
        listed = marts.sql(
            "select campaign, cast($first_day as date) as starts_on, customer_id, action, "  # noqa: S608  # nosec
            "is_holdout, churn_probability, response_rate from fct_customer_actions "
            "where list_contains($actions, action) "
            f"and {condition or 'true'} and {unlisted or 'true'} order by customer_id",
            params={"first_day": first_day, "actions": chosen, **known_erased, **known_listed},
        ).to_arrow_table()
        assigned = listed.select(_FORM.names)
        if not assigned.num_rows:
            raise CustomerIntelligenceError(
                "E_NO_CONTACTS",
                "The published list has no customer for these actions.",
                "Look at rpt_actions: where churn cannot be told most actions have nobody, and who "
                "refused is on no list.",
            )
        campaign = assigned["campaign"][0].as_py()
        path = data_dir / CAMPAIGNS / f"{campaign}_{first_day}.parquet"
        is_new = _write_assignment(path, assigned.cast(_FORM))
        try:
            contacts = export_query(
                marts, CONTACTS, {"actions": chosen}, out, data_dir, is_contact="true"
            )
        except BaseException:
            # Without its list nobody was contacted: there is nothing to measure.
            if is_new:
                path.unlink()
            raise
    held_out = assigned.num_rows - contacts
    return Started(
        campaign, first_day, contacts, held_out, path, _design(listed, contacts, held_out)
    )


def _design(listed: pa.Table, contacts: int, held_out: int) -> Design:
    """Return what the campaign can measure; without a churn model half are taken to buy."""
    risks = [0.5 if risk is None else risk for risk in listed["churn_probability"].to_pylist()]
    kept = [
        risk * response
        for risk, response in zip(risks, listed["response_rate"].to_pylist(), strict=True)
    ]
    return design(1 - fmean(risks), fmean(kept), contacts, held_out)


def rows_of(path: Path, ids: Sequence[str]) -> int:
    """Count the rows of an assignment that name a customer, by any of the customer's ids.

    Raises
    ------
    CustomerIntelligenceError
        `E_DATA_DIR` when the file is no assignment.
    """
    return sum(_names(_read_assignment(path), ids))


def erase(path: Path, ids: Sequence[str]) -> None:
    """Remove a customer from an assignment; a file that does not name them is unchanged."""
    assigned = _read_assignment(path)
    is_named = _names(assigned, ids)
    if any(is_named):
        _write_whole(path, assigned.filter(pa.array([not named for named in is_named])))


def _names(assigned: pa.Table, ids: Sequence[str]) -> list[bool]:
    return [same_id(name or "") in ids for name in assigned["customer_id"].to_pylist()]


def _read_assignment(path: Path) -> pa.Table:
    try:
        if path.is_symlink() or not path.is_file():
            raise OSError(errno.EINVAL, "it is a link, or no file")
        return pq.read_table(path).cast(_FORM)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{path}, the assignment of a campaign, cannot be read: {str(error).splitlines()[0]}.",
            "Restore it from a backup, or move it out of the data directory.",
        ) from error


def _write_assignment(path: Path, assigned: pa.Table) -> bool:
    """Write an assignment, whole or not at all; tell whether it was not there before."""
    if path.parent.is_symlink():
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{path.parent} is a symbolic link; assignments stay in the data directory.",
            "Put a directory in its place.",
        )
    if os.path.lexists(path):
        if not _read_assignment(path).equals(assigned):
            raise CustomerIntelligenceError(
                "E_CAMPAIGN_EXISTS",
                f"{path} says that this campaign was started with other customers.",
                "Give it another start with STARTS, or build with another name, such as "
                "VARS='{campaign: autumn}'.",
            )
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, assigned)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_CANNOT_WRITE",
            f"{path} cannot be written: {error.strerror or error}.",
            "Make room, or make the directory writable.",
        ) from error
    return True


def _write_whole(path: Path, table: pa.Table) -> None:
    content = pa.BufferOutputStream()
    pq.write_table(table, content)
    files.write_atomically(path, content.getvalue().to_pybytes(), 0o600)


def as_day(text: str | None) -> dt.date | None:
    """Return the day that a text names; none for none. Else `E_NOT_A_DAY`."""
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise CustomerIntelligenceError(
            "E_NOT_A_DAY", f"{text!r} is no day.", "Write it like 2011-12-12."
        ) from None
