"""Who must not be contacted: `do_not_contact.csv` of the data directory.

The file has one customer id per line, in any spelling (`pseudonyms.same_id`), and may have the
header `customer_id`. Lists leave these customers out as soon as the file is saved, the marts from
the next build on.
"""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from customer_intelligence.data_dir.layout import DO_NOT_CONTACT_FILE, RAW
from customer_intelligence.data_dir.outputs import written
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load
from customer_intelligence.ingest.pseudonyms import (
    check_key,
    plain_id,
    pseudonym,
    same_id,
    same_id_as_sql,
)

MAX_BYTES = 100_000_000
MAX_ID_CHARS = 1_000


def listed_ids(data_dir: Path, manifests: Sequence[Mapping[str, Any]] | None = None) -> list[str]:
    """Return every form in which the marts may contain a listed customer.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    manifests : sequence of mapping, optional
        Of the loads that are built; by default those of the data directory.

    Returns
    -------
    list of str
        Sorted, to be compared with `same_id_as_sql` of a customer's id; empty without a file.

    Raises
    ------
    CustomerIntelligenceError
        `E_DO_NOT_CONTACT` if the file cannot be read; `E_OTHER_KEY` or `E_BAD_KEY` where ids
        are pseudonyms and their key is not set, so that nobody could be told by them.
    """
    customers = _read(data_dir / DO_NOT_CONTACT_FILE)
    if not customers:
        return []
    key = check_key(load.read_manifests(data_dir / RAW) if manifests is None else manifests)
    forms = {same_id(customer) for customer in customers}
    if key is not None:
        spellings = {spelling for c in customers for spelling in (same_id(c), plain_id(c), c)}
        forms |= {pseudonym(key, spelling) for spelling in spellings}
    return sorted(forms - {""})


def not_listed(column: str, data_dir: Path) -> tuple[str, dict[str, object]]:
    """Write the condition in SQL that a customer is not listed, with its parameters.

    Parameters
    ----------
    column : str
        The column of customer ids.
    data_dir : Path
        The data directory.

    Returns
    -------
    condition : str
        Empty when nobody is listed.
    parameters : dict
    """
    listed = listed_ids(data_dir)
    if not listed:
        return "", {}
    same = same_id_as_sql(f"cast({column} as varchar)")
    return f"not coalesce({same} in (select unnest($listed)), false)", {"listed": listed}


def erase(data_dir: Path, ids: Collection[str]) -> None:
    """Take a customer out of the file; one that does not name them stays as it is.

    An erased customer is in no mart and does not come back with a load.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    ids : collection of str
        What stands for the customer, as of `pseudonyms.same_id`.
    """
    path = data_dir / DO_NOT_CONTACT_FILE
    rows = _rows(path)
    kept = [
        row for row in rows if not any(same_id(cell.strip().lstrip("'")) in ids for cell in row)
    ]
    if len(kept) < len(rows):
        with written(path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            csv.writer(text, lineterminator="\n").writerows(kept)
            text.detach()


def _rows(path: Path) -> list[list[str]]:
    if not os.path.lexists(path):
        return []
    try:
        return list(csv.reader(io.StringIO(_text(path), newline=""), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, str(getattr(error, "strerror", None) or error)) from error


def _read(path: Path) -> list[str]:
    rows, found = _rows(path), []
    for number, row in enumerate(rows, start=1):
        filled = [cell for cell in row if cell.strip()]
        if len(filled) > 1 or any(len(cell) > MAX_ID_CHARS for cell in filled):
            raise _unreadable(path, f"row {number} holds more than one customer id")
        # Lists that were opened in a spreadsheet may carry the apostrophe that defused them.
        found += [form for cell in filled for form in {cell, cell.strip().lstrip("'")} if form]
    is_header = found and re.sub("[ _-]", "", found[0]).lower() == "customerid"
    return found[1:] if is_header else found


def _text(path: Path) -> str:
    # A link, a pipe or a device is not opened, and nothing can take the file's place meanwhile.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if is_wide else "utf-8-sig")
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    return text


def _unreadable(path: Path, reason: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_DO_NOT_CONTACT",
        f"{path} cannot be read: {reason}. Nobody can be contacted safely without it.",
        "Save it as text in UTF-8 with one customer id a line and no other column.",
    )
