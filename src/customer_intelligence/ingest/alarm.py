"""The warning where most records of a file could not be read: the file was probably misread."""

import glob
import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from customer_intelligence.ingest.derived import LINE_AMOUNT

ALARMING_SHARE = 0.5
# What the mapping knows to be no line is no record that could not be read.
NO_LINE = "R_NO_LINE"
SHOWN_REASONS = 3
SHOWN_CHARS = 40

FIELDS = {
    "R_INVOICE_NO": "invoice_no",
    "R_QUANTITY": "quantity",
    "R_QUANTITY_SCALE": "quantity",
    "R_UNIT_PRICE": "unit_price",
    "R_UNIT_PRICE_SCALE": "unit_price",
    "R_LINE_AMOUNT": "line_amount",
    "R_LINE_AMOUNT_SCALE": "line_amount",
    "R_REFUND": "refunded_amount",
    "R_CURRENCY": "currency",
    "R_INVOICE_DATE": "invoice_date",
    "R_DATE_RANGE": "invoice_date",
    "R_FUTURE_DATE": "invoice_date",
}
_NUMBERS = "Probably `decimal:`, `thousands:` or `currency:` in mapping.yml says how to read it."
_DATES = "Probably `dates:` in mapping.yml says how to read it, such as '%d.%m.%Y %H:%M'."
LOST_DIGITS = (
    "A number such as 1.23457E+11 has lost its digits: format the column of ids as text in the "
    "spreadsheet, or export it again, before you load the file."
)
ADVICE = {
    "R_INVOICE_NO": "Probably another column holds it: `columns: {invoice_no: …}` in mapping.yml.",
    "R_QUANTITY": _NUMBERS,
    "R_QUANTITY_SCALE": _NUMBERS,
    "R_UNIT_PRICE": _NUMBERS,
    "R_UNIT_PRICE_SCALE": (
        "Where the file states what a line costs, say `columns: {line_amount: …}` in mapping.yml."
    ),
    "R_LINE_AMOUNT": _NUMBERS,
    "R_REFUND": _NUMBERS,
    "R_LINE_AMOUNT_SCALE": (
        "Probably another column holds it: `columns: {line_amount: …}` in mapping.yml."
    ),
    "R_INVOICE_DATE": _DATES,
    "R_DATE_RANGE": _DATES,
    "R_FUTURE_DATE": _DATES,
    "R_CURRENCY": "Load them into a DATA_DIR of their own; amounts are not converted.",
    "R_LOST_DIGITS": LOST_DIGITS,
    "R_ENCODING": "Probably `encoding:` in mapping.yml names the right one, such as cp1252.",
}
ADVICE_OTHERWISE = "Look at the file there, and export it again."
ADVICE_DERIVED = "Probably `derived:` in mapping.yml names the wrong columns."


def is_alarming(records: int, reasons: Mapping[str, int], quarantined: int) -> bool:
    """Return whether most of the records that are meant to be lines cannot be read."""
    no_lines = reasons.get(NO_LINE, 0)
    return quarantined - no_lines > ALARMING_SHARE * (records - no_lines)


def without_number(
    connection: duckdb.DuckDBPyConnection, rows: Path, reasons: Mapping[str, int]
) -> str | None:
    """Return the amount of the records without an invoice number and what to do, or None."""
    if "R_INVOICE_NO" not in reasons:
        return None
    ((count, amount),) = connection.execute(
        f"select count(*), coalesce(sum({LINE_AMOUNT}), 0) "  # noqa: S608  # nosec
        "from read_parquet(?) where list_contains(reasons, 'R_INVOICE_NO')",
        [glob.escape(str(rows))],
    ).fetchall()
    return (
        f"WARNING: {count:,} record{'s' * (count != 1)} without an invoice number "
        f"{'do' if count != 1 else 'does'} not count ({amount:,.2f}). Where "
        "the number stands on an order's first line only, write `once_per_order: [invoice_no]` in "
        "mapping.yml; where the file has none to go by, `absent: [invoice_no]`."
    )


def warning(
    connection: duckdb.DuckDBPyConnection,
    rows: Path,
    records: int,
    reasons: Mapping[str, int],
    keys: Mapping[str, str],
    directory: Path,
) -> str:
    """Name the commonest reasons, an example, and what to do.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Any.
    rows : Path
        The raw rows.
    records : int
        In the file.
    reasons : mapping of str to int
        Quarantined records per reason.
    keys : mapping of str to str
        Field to the name of its column in ``raw_record``; derived fields have none.
    directory : Path
        Of the load, to remove before the file is loaded again.

    Returns
    -------
    str
        One line.
    """
    commonest = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN_REASONS]
    reason = commonest[0][0]
    ((record_number, line_number, raw_record),) = connection.execute(
        "select record_number, line_number, raw_record from read_parquet(?) "
        "where list_contains(reasons, ?) order by record_number limit 1",
        [glob.escape(str(rows)), reason],
    ).fetchall()
    place = f"record {record_number:,}" if line_number is None else f"line {line_number:,}"
    content = json.loads(raw_record)
    name = FIELDS.get(reason)
    advice = ADVICE.get(reason, ADVICE_OTHERWISE)
    key = keys.get(name or "")
    if isinstance(content, dict) and key in content:
        shown = f'{key} is "{(content[key] or "")[:SHOWN_CHARS]}"'
    else:
        shown = json.dumps(content, ensure_ascii=False)[: 2 * SHOWN_CHARS]
        advice = ADVICE_DERIVED if name is not None and key is None else advice
    listed = ", ".join(f"{name} {count:,}" for name, count in commonest)
    return (
        f"WARNING: most of {records:,} records cannot be read ({listed}). For example {place}: "
        f"{shown}. {advice} Remove {directory} before you load the file again."
    )
