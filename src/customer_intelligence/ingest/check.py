"""Step 4: one query that types every record and gives the reason where a field cannot be typed.

The query goes in steps: blanks filled, values worked out, fields typed, what follows from other
fields, the verdict. A rule is one `Check`: when it does not hold, the record is quarantined.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from customer_intelligence.ingest import complete, derived, type_fields
from customer_intelligence.ingest.alarm import NO_LINE
from customer_intelligence.ingest.formats.stage import UNREADABLE_REASONS, raw_value_chars
from customer_intelligence.ingest.pseudonyms import plain_id, without_unseen
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.survey import is_total_word, total_columns
from customer_intelligence.ingest.type_fields import NOTHING, Cell, Typed
from customer_intelligence.quoting import literal

# Where the rows come from, and up to when they may be dated: parameters of the query.
PROVENANCE = {
    name: f"${name}" for name in ("load_number", "load_id", "source_file", "file_sha256", "latest")
}
TEXT_FIELDS = (
    *("invoice_no", "stock_code", "description", "customer_id", "country", "status", "consent"),
)
# A record that repeats fewer names may be a line.
SMALLEST_HEADER = 3
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
    """Write the query that turns ``source`` and ``copies`` of it into raw rows.

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
    computed = _named(_computed_columns(reading))
    typed = _named((name, typed.value) for name, typed in fields.typed.items())
    is_clean = " and ".join(f"({check.holds})" for check in fields.checks)
    reasons = ",\n                ".join(
        f"case when not coalesce({check.holds}, false) then {check.reason} end"
        for check in fields.checks
    )
    unreadable = ", ".join(literal(reason) for reason in UNREADABLE_REASONS)
    return f"""
    with {_completed(reading)},
    computed as (
        select *{computed} from completed
    ),
    typed as (
        select *{typed} from computed
    ),
    priced as (
        select *, {fields.price.value} as unit_price from typed
    ),
    divided as (
        select * replace ({fields.amount} as line_amount, {fields.invoice_no} as invoice_no)
        from priced
    ),
    shared as (
        {_signed(reading)}
    ),{_refund_steps(reading)}
    judged as (
        select *, coalesce(len(found_reasons) = 0 and {is_clean}, false) as is_clean
        from refunded
    ),
    set_apart as (
        {_set_apart(reading)}
    )
    select
        cast({provenance["load_number"]} as integer) as load_number,
        {provenance["load_id"]} as load_id,
        {provenance["source_file"]} as source_file,
        {provenance["file_sha256"]} as file_sha256,
        set_apart.record_number,
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
        status as order_status,
        cast(refunded_amount as decimal(18, 4)) as refunded_amount,
        case when isfinite(refunded_at) then refunded_at end as refunded_at,
        is_refund_estimated,
        cast(coalesce(copies.copy_number, 1) as integer) as copy_number,
        consent,
        case
            when apart is not null then [apart]
            when is_clean then cast([] as varchar[])
            when list_has_any(found_reasons, [{unreadable}]) then list_sort(found_reasons)
            else list_sort(list_distinct(list_concat(found_reasons, list_filter([
                {reasons}
            ], lambda reason: reason is not null))))
        end as reasons,
        case
            when not is_clean or apart is not null
            then coalesce(found_raw_record, {_raw_record(reading)})
        end as raw_record
    from set_apart
    left join copies on set_apart.record_number = copies.record_number
    """  # noqa: S608  # nosec  # names are positions, texts of the file are quoted literals


def claims_query(reading: Reading) -> str | None:
    """Write the query that compares two amounts of a line: as stated, and price times quantity.

    It gives one row: the lines that differ by more than a cent, what is stated for them, and what
    they come to. None where only one amount is stated, or the other by a name of no field.
    """
    columns = reading.columns
    rival = columns.rival_amount
    # An amount that is worked out is no claim of the file.
    has_both = {"unit_price", "quantity", "line_amount"} <= columns.positions.keys()
    if not has_both and rival is None:
        return None
    fields = _fields(reading, PROVENANCE)
    amount = fields.typed["line_amount"].value
    if rival is not None:
        cell = Cell(f"c{rival}", reading.types[rival])
        amount = type_fields.amount(cell, reading.marks, "R_LINE_AMOUNT").value
    return f"""
    with {_completed(reading)},
    claims as (
        select
            {amount} as stated,
            cast(quantity as decimal(38, 4)) * {fields.price.value} as computed
        from (select *, {fields.typed["quantity"].value} as quantity
            from (select *{_named(_computed_columns(reading))} from completed))
    )
    select count(*), sum(stated), cast(sum(computed) as decimal(38, 2))
    from claims
    where abs(stated - computed) >= 0.01
    """  # noqa: S608  # nosec  # names are positions, texts of the file are quoted literals


def _completed(reading: Reading) -> str:
    """Write the steps that fill blanks with what other lines of the order say."""
    return f"""numbered as (
        select *{_named(complete.filled_invoice_no(reading))} from source
    ),
    keyed as (
        select *{_named(complete.order_key(reading))} from numbered
    ),
    completed as (
        select
            *{_named(complete.filled_columns(reading))}{_named(complete.counted_columns(reading))}
        from keyed
    )"""  # noqa: S608  # nosec  # names are positions


def _signed(reading: Reading) -> str:
    """Write the step that makes credit notes negative, whatever their sign in the file."""
    if not reading.mapping.credit_notes:
        return "select * from divided"
    return f"""select * exclude (is_credited) replace (
            if(is_credited, -line_amount, line_amount) as line_amount,
            if(is_credited, -quantity, quantity) as quantity
        )
        from (select *, {complete.credited(reading)} as is_credited from divided)"""  # noqa: S608  # nosec


def _set_apart(reading: Reading) -> str:
    """Write the step that removes records that are no lines: repeated headers and totals."""
    header = f"case when not is_clean and {_is_header(reading)} then 'R_REPEATED_HEADER' end"
    is_line = complete.is_line(reading)
    if is_line is not None:
        header = f"coalesce({header}, case when not ({is_line}) then '{NO_LINE}' end)"
    if not reading.has_totals:
        return f"select *, {header} as apart from judged"  # noqa: S608  # nosec
    has_word = " or ".join(is_total_word(f"c{at}") for at in total_columns(reading))
    invoice = complete.cells(reading).get("invoice_no", NOTHING)
    is_invoice = is_total_word(invoice.name) if invoice.kind == "VARCHAR" else "false"
    amount = "line_amount"
    of_orders = (reading.columns.order_amount, reading.columns.order_discount)
    if "line_amount" not in reading.columns and of_orders == (None, None):
        amount = f"try_cast({derived.COST} as decimal(18, 4))"
    before = "order by record_number rows between unbounded preceding and 1 preceding"
    # What cannot be read as a line, or is the sum of all lines above or since the last such row.
    return f"""select *, case
            when {header} is not null then {header}
            when has_word and (
                {is_invoice} or not is_clean or amount = above or amount = above - above_last
            ) then 'R_TOTAL_ROW' end as apart
        from (
            select *, coalesce(last_value(case when has_word then above end ignore nulls)
                over ({before}), 0) as above_last
            from (
                select *, coalesce(sum(case when is_clean and not has_word then amount end)
                    over ({before}), 0) as above
                from (select *, ({has_word}) as has_word, {amount} as amount from judged)
            )
        )"""  # noqa: S608  # nosec


def _is_header(reading: Reading) -> str:
    """Return whether a record repeats the header, as in concatenated exports."""
    texts = [at for at in sorted(reading.columns.used) if reading.types[at] == "VARCHAR"]
    names = [(at, plain_id(reading.header[at].replace("\ufeff", ""))) for at in texts]
    conditions = [
        f"coalesce(trim({without_unseen(f'c{at}')}) = {literal(name)}, false)"
        for at, name in names
        if name
    ]
    return " and ".join(conditions) if len(conditions) >= SMALLEST_HEADER else "false"


def _fields(reading: Reading, provenance: Mapping[str, str]) -> _Fields:
    columns, mapping = reading.columns, reading.mapping
    cells = complete.cells(reading) | {
        field: Cell(f"derived_{field}", derived.TYPE) for field in columns.derived
    }

    def cell(field: str) -> Cell:
        return cells.get(field, NOTHING)

    amount = type_fields.amount(cell("line_amount"), reading.marks, "R_LINE_AMOUNT")
    quantity = type_fields.quantity(cell("quantity"), reading.marks)
    if "quantity" in mapping.absent:
        # Without a quantity, a line is one unit, sold or taken back.
        quantity = Typed(
            "case when line_amount is not null "
            "then cast(if(line_amount < 0, -1, 1) as decimal(18, 4)) end"
        )
    invoice_date = cell("invoice_date")
    is_filled = invoice_date.name == "filled_invoice_date"
    moment = type_fields.moment(invoice_date, reading, "filled_cell" if is_filled else "date_cell")
    refund = type_fields.amount(cell("refunded_amount"), reading.marks, "R_REFUND")
    refund_moment = type_fields.moment(cell("refunded_at"), reading, "cast(null as timestamp)")
    texts = [cell(name) for name in TEXT_FIELDS]
    own = [text.name for text in texts if text.kind == "VARCHAR" and text != NOTHING]
    typed = {field: type_fields.text(cell(field), field) for field in TEXT_FIELDS} | {
        "line_amount": amount,
        "quantity": quantity,
        "invoiced_at": moment,
        "is_cancelled_order": type_fields.flag(cell("cancelled")),
        "refunded_amount": Typed(f"abs({refund.value})"),
        "refunded_at": refund_moment,
        "has_nul": Typed(_any(map(type_fields.has_nul, own))),
        "has_lost_digits": Typed(
            _any(type_fields.has_lost_digits(cell(name)) for name in type_fields.CODES)
        ),
        "is_too_long": Typed(_any(map(type_fields.is_too_long, own))),
    }
    price = _price(reading, cell("unit_price"))
    is_line = complete.is_line(reading)
    if is_line is not None:
        # What is no line has no part in what its order comes to.
        for name in ("quantity", "line_amount", "refunded_amount"):
            typed[name] = Typed(f"case when {is_line} then {typed[name].value} end")
    amounts, amount_reason = "line_amount", amount.reason
    states_amount = "line_amount" in columns
    if columns.order_amount is not None or columns.order_discount is not None:
        amounts, amount_reason = complete.shared_amount(reading), "'R_LINE_AMOUNT'"
        states_amount = True
    invoice_no, has_invoice = "invoice_no", complete.is_seen(cell("invoice_no").name)
    if "invoice_no" in mapping.absent:
        invoice_no = complete.made_invoice_no(provenance["file_sha256"])
        has_invoice = "true"
    checks = [
        Check("not has_nul", "'R_NUL'"),
        Check("not is_too_long", "'R_FIELD_LIMIT'"),
        Check("not has_lost_digits", "'R_LOST_DIGITS'"),
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
    if "currency" in columns and mapping.currency is not None:
        code = f"upper(trim(cast({cell('currency').name} as varchar)))"
        checks.append(
            Check(f"coalesce({code} in ('', '{mapping.currency}'), true)", "'R_CURRENCY'")
        )
    for field in ("refunded_amount", "refunded_at"):
        if field in columns:
            is_blank = f"not coalesce({complete.is_seen(cell(field).name)}, false)"
            checks.append(Check(f"{is_blank} or {field} is not null", "'R_REFUND'"))
    return _Fields(cells, typed, price, amounts, invoice_no, checks)


def _price(reading: Reading, cell: Cell) -> Typed:
    """Return the unit price: as stated, or the line's total by its quantity."""
    if "unit_price" in reading.columns:
        return type_fields.amount(cell, reading.marks, "R_UNIT_PRICE")
    quotient = derived.quotient_as_sql("line_amount", "quantity")
    return Typed(
        # An amount without a quantity is that of one unit; a quantity below nothing takes back
        # an amount above it, at a price as it was paid.
        f"case when quantity = 0 then line_amount "
        f"when quantity < 0 and line_amount > 0 then cast(round(-{quotient}, 4) as decimal(18, 4)) "
        f"else cast(round({quotient}, 4) as decimal(18, 4)) end",
        # Without an amount or a quantity, theirs is the reason.
        "case when line_amount is not null and quantity is not null then 'R_UNIT_PRICE' end",
    )


def _computed_columns(reading: Reading) -> list[tuple[str, str]]:
    """Return name and SQL of the fields that are computed from columns."""
    columns, computed = reading.columns, []
    for field, formula in columns.derived.items():
        # Of a refund, columns tell what there was, and are blank where there was none.
        is_refund = field == "refunded_amount"
        value = type_fields.formula(formula, reading, blank_is_nothing=is_refund)
        # Where the amount is known, it is what counts, and the price need not be exact.
        if field == "unit_price" and "line_amount" in columns:
            value = f"cast(round({value}, 4) as {derived.TYPE})"
        computed.append((f"derived_{field}", value))
    for name in ("order_amount", "order_discount"):
        if (formula := getattr(columns, name)) is not None:
            computed.append((name, type_fields.formula(formula, reading)))
    computed += [
        (f"refund_{part}", type_fields.formula(formula, reading, blank_is_nothing=True))
        for part, formula in columns.order_refund.items()
    ]
    return computed


def _refund_steps(reading: Reading) -> str:
    """Write the steps that divide the refund of an order among its lines."""
    if not reading.columns.order_refund:
        return """
    refunded as (
        select *, case when refunded_amount > 0 then false end as is_refund_estimated from shared
    ),"""
    return f"""
    totalled as (
        select
            *,
            {complete.goods_refunded(reading)} as refunded_goods,
            {complete.goods_cost(reading)} as goods_cost
        from shared
    ),
    refunded as (
        select
            * replace ({complete.shared_refund(reading)} as refunded_amount),
            -- All of the goods were paid back, whatever else was.
            case
                when {complete.states_refund(reading)} then false
                when refunded_goods > 0 then refunded_goods < goods_cost
            end as is_refund_estimated
        from totalled
    ),"""  # noqa: S608  # nosec  # names are positions


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


def _named(columns: Iterable[tuple[str, str]]) -> str:
    return "".join(f",\n            {value} as {name}" for name, value in columns)


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(conditions) or "false"
