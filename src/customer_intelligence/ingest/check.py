"""Fourth room: one query that types every record and says what could not be typed, and why.

The query goes in steps: blanks filled, values worked out, fields typed, what follows from other
fields, the verdict. A rule is one `Check`: when it does not hold, the record is quarantined.
"""

from collections.abc import Mapping
from typing import NamedTuple

from customer_intelligence.ingest import complete, derived, type_fields
from customer_intelligence.ingest.formats.stage import UNREADABLE_REASONS, raw_value_chars
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.type_fields import NOTHING, Cell, Typed
from customer_intelligence.quoting import literal

# Where the rows come from, and up to when they may be dated: parameters of the query.
PROVENANCE = {
    name: f"${name}" for name in ("load_number", "load_id", "source_file", "file_sha256", "latest")
}
TEXT_FIELDS = ("invoice_no", "stock_code", "description", "customer_id", "country", "consent")
EARLIEST = "timestamp '1990-01-01'"


class Check(NamedTuple):
    """A condition that every clean record fulfils, and the reason of those that do not."""

    holds: str
    """SQL; what is null does not hold."""
    reason: str
    """SQL; null where another check gives the reason."""


class _Fields(NamedTuple):
    """The typed fields by the step of the query that they belong to."""

    cells: Mapping[str, Cell]
    typed: Mapping[str, Typed]
    price: Typed
    amount: str
    invoice_no: str
    checks: list[Check]


def rows_query(reading: Reading, provenance: Mapping[str, str] = PROVENANCE) -> str:
    """Write the query that turns ``source`` into raw rows.

    Parameters
    ----------
    reading : Reading
        With what `survey` found.
    provenance : mapping of str to str
        SQL of load_number, load_id, source_file, file_sha256 and latest.

    Returns
    -------
    str
        A query; with the parameters of `PROVENANCE` unless others are given.
    """
    fields = _fields(reading, provenance)
    completed = _named(complete.filled_columns(reading))
    computed = _named(_computed_columns(reading))
    typed = _named((name, typed.value) for name, typed in fields.typed.items())
    is_clean = " and ".join(f"({check.holds})" for check in fields.checks)
    reasons = ",\n                ".join(
        f"case when not coalesce({check.holds}, false) then {check.reason} end"
        for check in fields.checks
    )
    unreadable = ", ".join(literal(reason) for reason in UNREADABLE_REASONS)
    return f"""
    with completed as (
        select *{completed} from source
    ),
    computed as (
        select *{computed} from completed
    ),
    typed as (
        select *{typed} from computed
    ),
    priced as (
        select *, {fields.price.value} as unit_price from typed
    ),
    shared as (
        select * replace ({fields.amount} as line_amount, {fields.invoice_no} as invoice_no)
        from priced
    ),
    judged as (
        select *, coalesce(len(found_reasons) = 0 and {is_clean}, false) as is_clean from shared
    )
    select
        cast({provenance["load_number"]} as integer) as load_number,
        {provenance["load_id"]} as load_id,
        {provenance["source_file"]} as source_file,
        {provenance["file_sha256"]} as file_sha256,
        record_number,
        line_number,
        invoice_no,
        stock_code,
        description,
        quantity,
        case when isfinite(invoiced_at) then invoiced_at end as invoiced_at,
        unit_price,
        line_amount,
        customer_id,
        country,
        is_cancelled_order,
        consent,
        case
            when is_clean then cast([] as varchar[])
            when list_has_any(found_reasons, [{unreadable}]) then list_sort(found_reasons)
            else list_sort(list_distinct(list_concat(found_reasons, list_filter([
                {reasons}
            ], lambda reason: reason is not null))))
        end as reasons,
        case when not is_clean then coalesce(found_raw_record, {_raw_record(reading)}) end
            as raw_record
    from judged
    """  # noqa: S608  # nosec  # names are positions, texts of the file are quoted literals


def _fields(reading: Reading, provenance: Mapping[str, str]) -> _Fields:
    columns, mapping = reading.columns, reading.mapping
    cells = complete.cells(reading) | {
        field: Cell(f"derived_{field}", derived.TYPE) for field in columns.derived
    }

    def cell(field: str) -> Cell:
        return cells.get(field, NOTHING)

    amount = type_fields.amount(cell("line_amount"), mapping, "R_LINE_AMOUNT")
    quantity = type_fields.quantity(cell("quantity"), mapping)
    if "quantity" in mapping.absent:
        # Without a quantity, a line is one unit, sold or taken back.
        quantity = Typed(
            "case when line_amount is not null then cast(if(line_amount < 0, -1, 1) as bigint) end"
        )
    moment = type_fields.moment(
        cell("invoice_date"),
        reading.date_order,
        "filled_cell" if cell("invoice_date").name == "filled_invoice_date" else "date_cell",
        mapping.timezone,
    )
    texts = [cell(name) for name in TEXT_FIELDS]
    own = [text.name for text in texts if text.kind == "VARCHAR" and text != NOTHING]
    typed = {field: type_fields.text(cell(field), field) for field in TEXT_FIELDS} | {
        "line_amount": amount,
        "quantity": quantity,
        "invoiced_at": moment,
        "is_cancelled_order": type_fields.flag(cell("cancelled")),
        "has_nul": Typed(_any(map(type_fields.has_nul, own))),
        "is_too_long": Typed(_any(map(type_fields.is_too_long, own))),
    }
    price = _price(reading, cell("unit_price"))
    amounts, amount_reason = "line_amount", amount.reason
    states_amount = "line_amount" in columns
    if columns.order_amount is not None:
        amounts, amount_reason = complete.shared_amount(reading), "'R_LINE_AMOUNT'"
        states_amount = True
    invoice_no, has_invoice = "invoice_no", complete.is_seen(cell("invoice_no").name)
    if "invoice_no" in mapping.absent:
        invoice_no = complete.made_invoice_no(provenance["file_sha256"])
        has_invoice = "true"
    checks = [
        Check("not has_nul", "'R_NUL'"),
        Check("not is_too_long", "'R_FIELD_LIMIT'"),
        Check(has_invoice, "'R_INVOICE_NO'"),
        Check("quantity is not null", quantity.reason),
        Check("unit_price is not null", price.reason),
        *([Check("line_amount is not null", amount_reason)] if states_amount else []),
        Check(
            f"invoiced_at >= {EARLIEST} and invoiced_at <= {provenance['latest']}",
            f"case when invoiced_at is null then {moment.reason} "
            "when not isfinite(invoiced_at) then 'R_NOT_FINITE' "
            f"when invoiced_at < {EARLIEST} then 'R_DATE_RANGE' else 'R_FUTURE_DATE' end",
        ),
    ]
    return _Fields(cells, typed, price, amounts, invoice_no, checks)


def _price(reading: Reading, cell: Cell) -> Typed:
    """Return the unit price: as stated, or the line's total by its quantity."""
    if "unit_price" in reading.columns:
        return type_fields.amount(cell, reading.mapping, "R_UNIT_PRICE")
    quotient = derived.quotient_as_sql("line_amount", "quantity")
    return Typed(
        f"cast(round({quotient}, 4) as decimal(18, 4))",
        # Without an amount or a quantity, theirs is the reason.
        "case when line_amount is not null and quantity is not null then 'R_UNIT_PRICE' end",
    )


def _computed_columns(reading: Reading) -> list[tuple[str, str]]:
    """Return name and SQL of what is worked out from columns."""
    columns, computed = reading.columns, []
    for field, formula in columns.derived.items():
        value = type_fields.formula(formula, reading)
        # Where the amount is known, it is what counts, and the price need not be exact.
        if field == "unit_price" and "line_amount" in columns:
            value = f"cast(round({value}, 4) as {derived.TYPE})"
        computed.append((f"derived_{field}", value))
    if columns.order_amount is not None:
        computed.append(("order_amount", type_fields.formula(columns.order_amount, reading)))
    return computed


def _raw_record(reading: Reading) -> str:
    limit = raw_value_chars(len(reading.keys))

    def kept(position: int) -> str:
        text = f"cast(c{position} as varchar)"
        # Bytes are known, characters have to be counted.
        return (
            f"case when strlen({text}) > {limit} and length({text}) > {limit} "
            f"then left({text}, {limit}) || '…' else nullif({text}, '') end"
        )

    values = ", ".join(f"{literal(key)}, {kept(at)}" for at, key in enumerate(reading.keys))
    return f"cast(json_object({values}) as varchar)"


def _named(columns: object) -> str:
    return "".join(f",\n            {value} as {name}" for name, value in columns)


def _any(conditions: object) -> str:
    return " or ".join(conditions) or "false"
