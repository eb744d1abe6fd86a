"""The report on a file: fields and columns, dispositions of its lines, warnings and notes."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml

from customer_intelligence.check_data.draft import Draft
from customer_intelligence.check_data.drafting import stand_ins
from customer_intelligence.check_data.reading import Found
from customer_intelligence.data_dir.files import printable
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.alarm import FIELDS as FIELDS_OF_REASONS
from customer_intelligence.ingest.apart import money, warnings
from customer_intelligence.ingest.derived import LINE_AMOUNT
from customer_intelligence.ingest.fields import FIELDS
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.rules import NO_CURRENCY

SHOWN = 24
# Anonymous sales are sales; a rise of their share by this much is worth a warning.
ANONYMOUS_RISE = 0.10
# If fewer lines have a customer, check the column of the customer.
FEW_CUSTOMERS = 0.5
# What a field is called in the raw rows, where it is not the same.
RAW_NAMES = {
    "invoice_date": "invoiced_at",
    "cancelled": "is_cancelled_order",
    "status": "order_status",
}


def report(found: Found, path: Path, origin: str, draft: Draft) -> Iterator[str]:
    """Yield the lines of the report on what a load and a build would make of a file."""
    load, manifest = found.load, found.manifest
    about = [manifest["format"], *([manifest["encoding"]] if manifest["encoding"] else [])]
    yield f"{path.name}: {', '.join(about)}, {_count(load.records, 'record')}; {origin}"
    yield ""
    table = [("field", "column", "filled", "read as", "verdict"), *_fields(found, draft)]
    widths = [max(len(row[at]) for row in table) for at in range(4)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[4]]).rstrip()
    yield ""
    for reason, records in sorted(load.reasons.items(), key=lambda pair: -pair[1]):
        ((line, record),) = found.rows.execute(
            "select coalesce(line_number, record_number), raw_record from raw_rows "
            "where list_contains(reasons, $1) order by record_number limit 1",
            [reason],
        ).fetchall()
        first = f"first at {line:,}: {record[:120]}"
        amount = money(load.amounts.get(reason), found.currency)
        yield f"quarantined {reason}: {_count(records, 'record')}, {amount}, {first}"
    yield (
        f"rows: {load.records:,} in the file = {load.accepted:,} to load + "
        f"{load.quarantined:,} quarantined"
    )
    yield from _totals(found)
    yield from _ledger(found)
    yield from _nobody(found, path)
    yield from (f"note: {note}" for note in draft.notes)
    yield from (f"note: the file {note}" for note in load.notes)


def _totals(found: Found) -> Iterator[str]:
    ((first, last, customers, invoices, amount, anonymous),) = found.rows.execute(
        f"""
        select
            min(invoiced_at)::date, max(invoiced_at)::date,
            count(distinct nullif(trim(customer_id), '')), count(distinct upper(trim(invoice_no))),
            sum({LINE_AMOUNT}),
            avg((nullif(trim(customer_id), '') is null)::int)
        from raw_rows where len(reasons) = 0
        """  # noqa: S608  # nosec
    ).fetchall()
    if not found.load.accepted:
        return
    date_order = found.manifest["date_order"] or "dates"
    yield f"period: {first} to {last}; dates read as {date_order}"
    if found.manifest.get("clock"):
        yield f"clock: {found.manifest['clock']}"
    yield (
        f"{_count(customers, 'customer')}, {_count(invoices, 'invoice')}, lines add up to "
        f"{money(amount, found.currency)}"
    )
    if found.currency is None:
        yield f"currency: unknown; the marts will show {NO_CURRENCY} unless shop.yml names it"
    before = found.anonymous_before
    if before is not None and anonymous - before > ANONYMOUS_RISE:
        yield (
            f"WARNING: {anonymous:.0%} of the lines are anonymous, against {before:.0%} of the "
            "previous load: check `columns: {customer_id: …}`"
        )


def _nobody(found: Found, path: Path) -> Iterator[str]:
    """Warn that most lines are anonymous, and name columns that may identify the customer."""
    ((known,),) = found.rows.execute(
        "select avg((customer_id is not null)::int) from raw_rows"
    ).fetchall()
    if "customer_id" not in found.mapping.columns or known is None or known >= FEW_CUSTOMERS:
        return
    named = found.mapping.columns["customer_id"]
    taken = [named] if isinstance(named, str) else list(named)
    others = stand_ins(path, taken)
    way_out = ""
    if others:
        listed = ", ".join(map(_quoted, [*taken, others[0]]))
        may = ", ".join(map(ascii, others))
        way_out = f": {may} may identify the customer (`columns: {{customer_id: [{listed}]}}`)"
    yield f"WARNING: only {known:.1%} of the lines have a customer{way_out}"


def _quoted(name: str) -> str:
    text = yaml.safe_dump([name], default_flow_style=True, allow_unicode=True, width=10**6)
    return text.strip()[1:-1]


def _ledger(found: Found) -> Iterator[str]:
    if not found.ledger:
        return
    yield ""
    yield "dispositions in a build:"
    rows = [
        (part.label, part.counts_in, f"{part.lines:,}", money(part.amount)) for part in found.ledger
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    for label, counts_in, lines, amount in rows:
        yield (
            f"  {label.ljust(widths[0])}  {lines.rjust(widths[2])}  {amount.rjust(widths[3])}  "
            f"counts in {counts_in}"
        )
    for sentence in warnings(found.ledger):
        yield f"WARNING: {sentence}"
    yield ""


def _fields(found: Found, draft: Draft) -> Iterator[tuple[str, str, str, str, str]]:
    mapping, manifest = found.mapping, found.manifest
    columns = {row[0] for row in found.rows.execute("describe raw_rows").fetchall()}
    for field in FIELDS:
        bad = sum(
            records
            for reason, records in found.load.reasons.items()
            if FIELDS_OF_REASONS.get(reason) == field
        )
        drafted = draft.proposals.get(field)
        verdict = f"{_count(bad, 'value')} cannot be read" if bad else "ok"
        if drafted is not None and not bad:
            verdict = drafted.verdict
        named = manifest["columns"].get(field)
        if field in mapping.derived:
            yield field, f"= {mapping.derived[field]}", "", "", verdict
        elif named is not None:
            several = mapping.columns.get(field)
            name = " or ".join(several) if isinstance(several, list) else named
            filled, example, share = _seen(found, RAW_NAMES.get(field, field), columns)
            if field == "customer_id" and verdict == "ok" and share < FEW_CUSTOMERS:
                verdict = "look here"
            if field in mapping.once_per_order:
                verdict += ", once per order"
            yield field, name, filled, _shown(example), verdict
        elif field in mapping.absent:
            yield field, "-", "", "", "absent, see below"


def _seen(found: Found, column: str, columns: set[str]) -> tuple[str, str, float]:
    """Return the share of records that have a field, and its first value as read."""
    if column not in columns:
        return "", found.currency or "", 1.0
    ((records, filled, example),) = found.rows.execute(
        f"select count(*), count({column}), arg_min(cast({column} as varchar), record_number) "  # noqa: S608  # nosec
        f"filter ({column} is not null) from raw_rows"
    ).fetchall()
    share = filled / records if records else 1.0
    return (f"{share:.1%}" if records else ""), example or "", share


def known_columns(mapping: SourceMapping, draft: Draft) -> Iterator[str]:
    """Yield the column of each field for a file that cannot be read."""
    for field, column in mapping.columns.items():
        drafted = draft.proposals.get(field)
        verdict = "" if drafted is None else f" ({drafted.verdict})"
        name = column if isinstance(column, str) else " or ".join(column)
        yield f"{field} <- {name}{verdict}"
    yield from (f"note: {note}" for note in draft.notes)


def next_step(
    path: Path,
    mapping: str | None,
    refusal: CustomerIntelligenceError | None,
    *,
    is_readable: bool,
) -> str:
    """Return what to do next, as a command."""
    named = f" MAPPING={shlex.quote(mapping)}" if mapping else ""
    file = f"DATA={shlex.quote(str(path))}"
    if refusal is not None or not is_readable:
        what = "the mapping" if mapping is None else mapping
        named = " MAPPING=mapping.yml" if mapping is None else named
        return f"next: correct {what}, then check again: make check-data {file}{named}"
    return f"next: check the table above, then: make build {file}{named}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _shown(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
