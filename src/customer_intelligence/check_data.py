"""Say how a file of invoice lines would be read, before anything is built.

`check` reads the file exactly as a load would, into a directory that is gone afterwards. Without a
mapping it takes a preset, or drafts one from the names and values of the columns, for a person to
read.
"""

import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import yaml

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.files import printable
from customer_intelligence.ingest.alarm import FIELDS as FIELDS_OF_REASONS
from customer_intelligence.ingest.columns import is_unique
from customer_intelligence.ingest.draft import Column, Draft, draft_mapping
from customer_intelligence.ingest.files import check_regular_file
from customer_intelligence.ingest.mapping import FIELDS, SourceMapping
from customer_intelligence.ingest.pipeline import DryRun, dry_run, probe
from customer_intelligence.ingest.presets import find_mapping, matching_preset, preset
from customer_intelligence.ingest.recognise import read_header
from customer_intelligence.ingest.rules import MAX_TEXT, NO_CURRENCY
from customer_intelligence.outputs import write_output

PROBED_VALUES = 2_000
# So many invoices of several lines prove that an amount is repeated on each of them.
REPEATING_INVOICES = 20
SHOWN = 24
MARK = "# Drafted by check-data, "
# Words in stock codes that are no merchandise, by class (`rules.CLASSES`).
_NO_MERCHANDISE = {
    "shipping": "POST|SHIP|FREIGHT|DELIVER",
    "discount": "DISCOUNT|COUPON|REBATE",
    "gift_voucher": "GIFT.?CARD",
    "fee": "^FEE|FEE$",
    "tip": "^TIP$",
}


def check(path: Path, mapping_name: str | None = None, out: Path | None = None) -> bool:
    """Print how a file would be read, and write the drafted mapping where one is wanted.

    Parameters
    ----------
    path : Path
        Parquet, CSV or XLSX.
    mapping_name : str, optional
        A mapping file or the name of a preset.
    out : Path, optional
        Where the drafted mapping goes; only an unchanged draft is replaced.

    Returns
    -------
    bool
        Whether at least half of the records can be read.

    Raises
    ------
    CustomerIntelligenceError
        The refusal that a load would meet, after what is known has been printed; `E_EXISTS` and
        those of `outputs.write_output`.
    """
    if out is not None:
        _check_out(out)
    check_regular_file(path)
    draft, shown_mapping, is_known = Draft(), mapping_name, True
    if mapping_name is not None:
        mapping, origin = find_mapping(mapping_name), f"mapping {mapping_name}"
    elif (name := matching_preset(read_header(path))) is not None:
        mapping, origin = preset(name), f"preset {name}, known by its header"
        draft.content = _stated(mapping)
    else:
        draft, is_known = draft_of(path), False
        mapping, origin = SourceMapping(**draft.content), "mapping drafted from names and values"
    refusal = None
    try:
        with dry_run(path, mapping) as run:
            if not is_known:
                draft.content["rules"] = _draft_rules(run, draft)
                mapping = SourceMapping(**draft.content)
            lines = list(_report(run, path, origin, draft))
            is_readable = run.written.quarantined <= run.written.records / 2
    except CustomerIntelligenceError as error:
        refusal, is_readable = error, False
        lines = [f"{path.name}: {origin}", "", *_known_columns(mapping), "", str(error)]
    # A line each, whatever the names in it hold.
    print("\n".join(printable(line) for line in lines))
    if mapping_name is None:
        text = _drafted(draft, path)
        if out is not None:
            write_output(out, text, mode=0o644)
            shown_mapping = str(out)
            print(f"\nwritten: {out}")
        elif not is_known:
            print(f"\nmapping.yml (OUT=mapping.yml writes it):\n\n{text}", end="")
            shown_mapping = "mapping.yml"
    print(f"\n{_next_step(path, shown_mapping, refusal, is_readable)}")
    if refusal is not None:
        raise refusal
    return is_readable


def draft_of(path: Path) -> Draft:
    """Draft a mapping for a file, without its rules.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused whatever its columns mean.
    """
    with probe(path) as (header, connection):
        columns = [
            _column(connection, position, name)
            for position, name in enumerate(header)
            if name.strip() and is_unique(name, header)
        ]

        def repeats(invoice: str, amount: str) -> bool:
            return _repeats(connection, header.index(invoice), header.index(amount))

        draft = draft_mapping(columns, repeats)
        names = draft.content["columns"]
        once = [
            field
            for field in ("invoice_date", "customer_id", "country", "cancelled")
            if "invoice_no" in names
            and field in names
            and _is_on_first_line(
                connection, header.index(names["invoice_no"]), header.index(names[field])
            )
        ]
        if once:
            draft.content["once_per_order"] = once
            draft.notes.append(
                f"{', '.join(once)} stand on the first line of an order only: blanks take its value"
            )
        return draft


def _column(connection: duckdb.DuckDBPyConnection, position: int, name: str) -> Column:
    text = f"trim(cast(c{position} as varchar))"
    # In an order of their own, so that the draft is the same every time.
    values = connection.execute(
        f"select {text} as value, count(*) from probe where {text} <> '' group by value "  # noqa: S608  # nosec
        f"order by md5(value), value limit {PROBED_VALUES}"
    ).fetchall()
    return Column(name, dict(values))


def _repeats(connection: duckdb.DuckDBPyConnection, invoice: int, amount: int) -> bool:
    ((several, same),) = connection.execute(
        "select count(*), count(*) filter (amounts = 1) from ("  # noqa: S608  # nosec
        f"select count(distinct c{amount}) as amounts from probe group by c{invoice} "
        f"having count(*) > 1)"
    ).fetchall()
    return several >= REPEATING_INVOICES and same >= 0.99 * several


def _is_on_first_line(connection: duckdb.DuckDBPyConnection, invoice: int, column: int) -> bool:
    """Tell whether a column is filled on the first and blank on the later lines of every order."""
    filled = f"coalesce(trim(cast(c{column} as varchar)), '') <> ''"
    ((orders, later, later_filled),) = connection.execute(
        "select count(*) filter (number = 1 and is_filled), count(*) filter (number > 1), "  # noqa: S608  # nosec
        f"count(*) filter (number > 1 and is_filled) from (select {filled} as is_filled, "
        f"row_number() over (partition by c{invoice} order by record_number) as number from probe)"
    ).fetchall()
    return orders > 0 and later > 0 and later_filled == 0


def _draft_rules(run: DryRun, draft: Draft) -> dict[str, Any]:
    """Say which codes are no merchandise; all else is what holds for any shop."""
    code = "upper(trim(stock_code))"
    found: dict[str, str] = {}
    for kind, words in _NO_MERCHANDISE.items():
        codes = run.connection.execute(
            f"select {code}, count(*) from read_parquet($1) where len(reasons) = 0 "  # noqa: S608  # nosec
            f"and regexp_matches({code}, $2) group by 1 order by 2 desc, 1 limit {SHOWN}",
            [str(run.rows), words],
        ).fetchall()
        for name, lines in codes:
            if (
                len(name) <= MAX_TEXT
                and name.isprintable()
                and found.setdefault(name, kind) == kind
            ):
                draft.notes.append(f"{name} ({_count(lines, 'line')}) looks like {kind}")
    ((back,),) = run.connection.execute(
        "select count(*) from read_parquet($1) where len(reasons) = 0 "
        "and coalesce(line_amount, quantity * unit_price) < 0 and quantity < 0",
        [str(run.rows)],
    ).fetchall()
    if back:
        draft.notes.append(f"{_count(back, 'negative line')} of merchandise count as returns")
    return {"codes": found} if found else {}


def _report(run: DryRun, path: Path, origin: str, draft: Draft) -> Iterator[str]:
    written, reading, mapping = run.written, run.reading, run.reading.mapping
    about = [reading.format, *([reading.encoding] if reading.encoding else [])]
    yield f"{path.name}: {', '.join(about)}, {_count(written.records, 'record')}; {origin}"
    yield ""
    table = [("field", "column", "filled", "example", "verdict"), *_fields(run)]
    widths = [max(len(row[at]) for row in table) for at in range(4)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[4]]).rstrip()
    yield ""
    for reason, records in sorted(written.reasons.items(), key=lambda pair: -pair[1]):
        ((line, record),) = run.connection.execute(
            "select coalesce(line_number, record_number), raw_record from read_parquet($1) "
            "where list_contains(reasons, $2) order by record_number limit 1",
            [str(run.rows), reason],
        ).fetchall()
        first = f"first at {line:,}: {record[:120]}"
        yield f"quarantined {reason}: {_count(records, 'record')}, {first}"
    ((loaded, first, last, customers, invoices, amount, cancelled),) = run.connection.execute(
        """
        select
            count(*), min(invoiced_at)::date, max(invoiced_at)::date,
            count(distinct nullif(trim(customer_id), '')), count(distinct upper(trim(invoice_no))),
            sum(coalesce(line_amount, cast(quantity * unit_price as decimal(38, 4)))),
            count(*) filter (is_cancelled_order)
        from read_parquet($1) where len(reasons) = 0
        """,
        [str(run.rows)],
    ).fetchall()
    yield (
        f"rows: {written.records:,} in the file = {loaded:,} to load + "
        f"{written.quarantined:,} quarantined"
    )
    if loaded:
        money = f"{reading.currency} {amount:,.2f}" if reading.currency else f"{amount:,.2f}"
        yield f"period: {first} to {last}; dates read as {reading.date_order or 'dates'}"
        yield f"clock: {reading.clock}"
        yield (
            f"{_count(customers, 'customer')}, {_count(invoices, 'invoice')}, lines add up to "
            f"{money}"
        )
        if reading.currency is None:
            yield f"currency: not known, the marts will say {NO_CURRENCY} unless shop.yml names it"
    if cancelled:
        yield f"cancelled: {_count(cancelled, 'line')} of cancelled orders will not count"
    if mapping.order_amount:
        yield f"derived: the lines of an order share {mapping.order_amount}"
    if "unit_price" not in reading.columns:
        yield "derived: the unit price, from the line's total and the quantity"
    yield from (f"note: {note}" for note in draft.notes)
    yield from (f"note: the file {note}" for note in reading.notes)


def _fields(run: DryRun) -> Iterator[tuple[str, str, str, str, str]]:
    columns, header = run.reading.columns, run.reading.header
    mapping = run.reading.mapping
    for field in FIELDS:
        bad = sum(
            records
            for reason, records in run.written.reasons.items()
            if FIELDS_OF_REASONS.get(reason) == field
        )
        verdict = f"{_count(bad, 'value')} cannot be read" if bad else "ok"
        if field in columns.derived:
            yield field, f"= {mapping.derived[field]}", "", "", verdict
        elif field in columns.positions:
            positions = columns.positions[field]
            texts = ", ".join(f"nullif(trim(cast(c{at} as varchar)), '')" for at in positions)
            if field == "invoice_date":
                texts += ", cast(date_cell as varchar)"
            value = f"coalesce({texts})"
            ((records, filled, example),) = run.connection.execute(
                f"select count(*), count({value}), arg_min({value}, record_number) from source"  # noqa: S608  # nosec
            ).fetchall()
            share = f"{filled / records:.1%}" if records else ""
            if field in mapping.once_per_order:
                verdict = "ok, once per order" if verdict == "ok" else verdict
            elif field == "customer_id" and filled < records and verdict == "ok":
                verdict = f"ok; {_count(records - filled, 'line')} of nobody known"
            name = " or ".join(header[at] for at in positions)
            yield field, name, share, _shown(example or ""), verdict
        elif field in mapping.absent:
            yield field, "-", "", "", "absent, see below"


def _known_columns(mapping: SourceMapping) -> Iterator[str]:
    for field, column in mapping.columns.items():
        yield f"{field} <- {column if isinstance(column, str) else ' or '.join(column)}"


def _next_step(
    path: Path, mapping: str | None, refusal: CustomerIntelligenceError | None, is_readable: bool
) -> str:
    named = f" MAPPING={shlex.quote(mapping)}" if mapping else ""
    file = f"DATA={shlex.quote(str(path))}"
    if refusal is not None or not is_readable:
        what = "the mapping" if mapping is None else mapping
        named = " MAPPING=mapping.yml" if mapping is None else named
        return f"next: mend {what}, then look again: make check-data {file}{named}"
    return f"next: read the table above, then: make build {file}{named}"


def _stated(mapping: SourceMapping) -> dict[str, Any]:
    default = SourceMapping().as_dict()
    stated = mapping.as_dict().items()
    content = {key: value for key, value in stated if value and value != default[key]}
    return {**content, "rules": dict(mapping.rules)} if mapping.rules else content


def _drafted(draft: Draft, path: Path) -> str:
    notes = "".join(f"# {note}.\n" for note in draft.notes)
    content = yaml.safe_dump(draft.content, sort_keys=False, allow_unicode=True, width=100)
    body = (
        f"# From {path.name!a}. Change what is wrong; README.md, 'Your own data', has all keys.\n"
    )
    body += notes + content
    return f"{MARK}{_digest(body)}; while this line holds, check-data may replace the file.\n{body}"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _check_out(out: Path) -> None:
    """Refuse to replace anything but a draft that nobody has changed."""
    try:
        text = out.read_text(encoding="utf-8") if out.is_file() else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    mark, _, body = text.partition("\n")
    is_own = mark.startswith(MARK + _digest(body))
    if (out.exists() or out.is_symlink()) and not is_own:
        raise CustomerIntelligenceError(
            "E_EXISTS",
            f"{out} is there already, and is no unchanged draft of check-data.",
            f"Check with it (MAPPING={out}), remove it, or name another OUT.",
        )


def _shown(text: str) -> str:
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    return clean if len(clean) <= SHOWN else clean[: SHOWN - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
