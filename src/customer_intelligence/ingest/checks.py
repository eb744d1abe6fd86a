"""One query that types every record and says, record by record, what could not be typed.

Good values meet the first branch of each `case`; the dearer checks, the reasons and the raw record
are evaluated only for the values that do not, because DuckDB computes a branch only for its rows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import derived
from customer_intelligence.ingest.mapping import CURRENCY_SYMBOLS, SourceMapping
from customer_intelligence.ingest.stage import UNREADABLE_REASONS
from customer_intelligence.ingest.text import MAX_FIELD_CHARS

# What a source says of its records where nothing was found wrong with them so far.
NO_FINDINGS = (
    "cast([] as varchar[]) as found_reasons, cast(null as varchar) as found_raw_record, "
    "cast(null as timestamp) as date_cell"
)
# Where the rows come from, and up to when they may be dated: parameters of the query.
PROVENANCE = {
    name: f"${name}" for name in ("load_number", "load_id", "source_file", "file_sha256", "latest")
}
TEXT_FIELDS = ("invoice_no", "stock_code", "description", "customer_id", "country")
NO_WORDS = ("", "0", "0.0", "false", "f", "no", "n", "none", "null", "nan", "-")
_INTEGER_TYPES = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]
)

_ISO_DATE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]([01]?\d|2[0-3]):\d{2}(:\d{2}(\.\d{1,9})?)?)?"
_ISO_DATE_WITH_OFFSET = (
    r"\d{4}-\d{1,2}-\d{1,2}[T ]([01]?\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})? ?"
    r"(Z|UTC|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
)
_SLASHED_DATE = r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ].*)?"
_INTEGER = r"[+-]?\d{1,18}"
_WHOLE = r"[+-]?\d+\.?0*"
_AMOUNT = r"[+-]?\d{1,14}(\.\d{1,4})?"
_WHOLE_ID = r"\d+\.0"
_SOMETHING_SEEN = r"[^\s\p{Z}\p{Cf}]"
_FIRST, _SECOND = r"\1", r"\2"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?"
_FIRST_PART = r"^(\d{1,2})[-/.]\d{1,2}[-/.]\d{4}"
_SECOND_PART = r"^\d{1,2}[-/.](\d{1,2})[-/.]\d{4}"
_NOT_FINITE = r"[+-]?(nan|inf|infinity)"
_DATE_ORDER_FORMATS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
_TIME_FORMATS = (" %H:%M", " %H:%M:%S", "", " %I:%M %p", " %I:%M:%S %p")


def literal(text: str) -> str:
    """Quote a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def raw_rows_query(
    columns: Mapping[str, int],
    derivations: Mapping[str, tuple[derived.Expression, Mapping[str, int]]],
    types: Sequence[str],
    keys: Sequence[str],
    mapping: SourceMapping,
    date_order: str | None,
    provenance: Mapping[str, str] = PROVENANCE,
    fallbacks: Mapping[str, Sequence[int]] | None = None,
    order_amount: tuple[derived.Expression, Mapping[str, int]] | None = None,
) -> str:
    """Write the query that turns the view ``source`` into raw rows.

    Parameters
    ----------
    columns : mapping of str to int
        Field to position in the source.
    derivations : mapping of str to tuple
        Derived field to its expression and the positions of the columns in it.
    types : sequence of str
        DuckDB types of the source columns ``c0``, ``c1``, ….
    keys : sequence of str
        Names of the source columns in ``raw_record``.
    mapping : SourceMapping
        Number marks, currency and date format of values stored as text.
    date_order : str, optional
        ``ymd``, ``mdy``, ``dmy``, a strptime format, or None when no text needs one.
    provenance : mapping of str to str
        SQL of load_number, load_id, source_file, file_sha256 and latest.
    fallbacks : mapping of str to list of int, optional
        Field to the columns that stand in where its own is blank.
    order_amount : tuple, optional
        What the lines of an order add up to: expression and positions of its columns.

    Returns
    -------
    str
        A query; with the parameters of `PROVENANCE` unless others are given.
    """
    filled = _filled_values(columns, types, mapping, fallbacks or {})

    def column(field: str) -> tuple[str, str]:
        if field in derivations:
            return f"derived_{field}", derived.TYPE
        if field in filled:
            return f"filled_{field}", filled[field][1]
        position = columns.get(field)
        # An untyped null would land as an integer column.
        absent = ("cast(null as varchar)", "VARCHAR")
        return absent if position is None else (f"c{position}", types[position])

    has_price, has_amount = (
        field in columns or field in derivations for field in ("unit_price", "line_amount")
    )
    texts = {field: column(field) for field in TEXT_FIELDS}
    # Without a quantity, a line is one unit, sold or taken back.
    quantity = (
        "case when line_amount is not null then cast(if(line_amount < 0, -1, 1) as bigint) end"
        if "quantity" in mapping.absent
        else _quantity_value(*column("quantity"), mapping)
    )
    quantity_reason = (
        "null" if "quantity" in mapping.absent else _quantity_reason(*column("quantity"), mapping)
    )
    completed = "".join(f", {value} as filled_{field}" for field, (value, _) in filled.items())
    if "invoice_date" in filled:
        completed += f", {_carried_cell(columns['invoice_date'], types, columns)} as filled_cell"
    typed = ",\n        ".join(
        [
            *(f"{_text_value(*texts[field], field)} as {field}" for field in TEXT_FIELDS),
            f"{_amount_value(*column('line_amount'), mapping)} as line_amount",
            f"{quantity} as quantity",
            f"{_date_value(*column('invoice_date'), date_order)} as invoiced_at",
            f"{_flag_value(*column('cancelled'))} as is_cancelled_order",
        ]
    )
    computed = "".join(
        f", {_derived_value(field, *derivation, types, mapping, has_amount)} as derived_{field}"
        for field, derivation in derivations.items()
    )
    if has_price:
        price = _amount_value(*column("unit_price"), mapping)
        price_reason = _amount_reason(*column("unit_price"), mapping, "UNIT_PRICE")
    else:
        quotient = derived.quotient_as_sql("line_amount", "quantity")
        price = f"cast(round({quotient}, 4) as decimal(18, 4))"
        # Without an amount or a quantity, theirs is the reason.
        price_reason = (
            "case when line_amount is not null and quantity is not null then 'R_UNIT_PRICE' end"
        )
    amount_reason = _amount_reason(*column("line_amount"), mapping, "LINE_AMOUNT")
    amounts = "line_amount"
    if order_amount is not None:
        amounts = _shared_amount(column("invoice_no")[0], has_amount)
        computed += f", {_expression_value(*order_amount, types, mapping)} as order_amount"
        amount_reason = "'R_LINE_AMOUNT'"
        has_amount = True
    named = {f"c{position}" for position in columns.values()} | {
        f"filled_{field}" for field in filled
    }
    text_columns = [name for name, kind in texts.values() if kind == "VARCHAR" and name in named]
    has_nul = _any(_has_nul(name) for name in text_columns)
    is_too_long = _any(_is_too_long(name) for name in text_columns)
    invoice_no = "invoice_no"
    has_invoice = f"regexp_matches(cast({texts['invoice_no'][0]} as varchar), '{_SOMETHING_SEEN}')"
    if "invoice_no" in mapping.absent:
        invoice_no, has_invoice = _made_invoice_no(provenance["file_sha256"]), "true"
    raw_values = ", ".join(
        f"{literal(key)}, nullif(cast(c{position} as varchar), '')"
        for position, key in enumerate(keys)
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
        select
            *,
            {typed},
            {has_nul} as has_nul,
            {is_too_long} as is_too_long
        from computed
    ),
    priced as (
        select *, {price} as unit_price from typed
    ),
    shared as (
        select * replace ({amounts} as line_amount, {invoice_no} as invoice_no) from priced
    ),
    judged as (
        select
            *,
            coalesce(
                len(found_reasons) = 0
                and not has_nul
                and not is_too_long
                and {has_invoice}
                and quantity is not null
                and unit_price is not null
                and {"line_amount is not null" if has_amount else "true"}
                and invoiced_at >= timestamp '1990-01-01'
                and invoiced_at <= {provenance["latest"]},
                false
            ) as is_clean
        from shared
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
        case
            when is_clean then cast([] as varchar[])
            when list_has_any(found_reasons, [{unreadable}]) then list_sort(found_reasons)
            else list_sort(list_distinct(list_concat(found_reasons, list_filter([
                case when not coalesce({has_invoice}, false) then 'R_INVOICE_NO' end,
                case when quantity is null
                    then {quantity_reason} end,
                case when unit_price is null then {price_reason} end,
                case when {has_amount} and line_amount is null then {amount_reason} end,
                case
                    when invoiced_at is null then 'R_INVOICE_DATE'
                    when not isfinite(invoiced_at) then 'R_NOT_FINITE'
                    when invoiced_at < timestamp '1990-01-01' then 'R_DATE_RANGE'
                    when invoiced_at > {provenance["latest"]} then 'R_FUTURE_DATE'
                end,
                case when has_nul then 'R_NUL' end,
                case when is_too_long then 'R_FIELD_LIMIT' end
            ], lambda reason: reason is not null))))
        end as reasons,
        case when not is_clean
            then coalesce(found_raw_record, cast(json_object({raw_values}) as varchar))
        end as raw_record
    from judged
    """  # noqa: S608  # nosec  # names are positions, texts of the file are quoted literals


def date_survey_query(column: str) -> str:
    """Write the query that looks for proof of the order of day and month in a text column.

    Parameters
    ----------
    column : str
        Column of the view ``source``.

    Returns
    -------
    str
        A query for one row: an example of each a date that can only be day first, a date that can
        only be month first, a date that differs by the order, and a date that does not because
        day and month are equal; null where there is none.
    """
    # The first ten characters hold day and month, and repeat: few distinct values at any size.
    return f"""
    with seen as (
        select distinct left(ltrim({column}), 10) as value
        from source
        where {column} is not null
    ),
    parts as (
        select
            value,
            try_cast(regexp_extract(value, '{_FIRST_PART}', 1) as integer) as first,
            try_cast(regexp_extract(value, '{_SECOND_PART}', 1)
                as integer) as second
        from seen
    )
    select
        min(trim(value)) filter (first between 13 and 31 and second between 1 and 12),
        min(trim(value)) filter (second between 13 and 31 and first between 1 and 12),
        min(trim(value)) filter (
            first between 1 and 12 and second between 1 and 12 and first <> second
        ),
        min(trim(value)) filter (first between 1 and 12 and first = second)
    from parts
    """  # noqa: S608  # nosec  # the column is one of c0, c1, …


def proven_date_order(survey: tuple[str | None, ...] | None, column: str, name: str) -> str:
    """Return the order of day and month that a column's dates prove.

    Parameters
    ----------
    survey : tuple of str
        The row of `date_survey_query`.
    column, name : str
        Column and file, for the message.

    Raises
    ------
    CustomerIntelligenceError
        E_AMBIGUOUS_DATES when there is a date that depends on the order, and no proof.
    """
    day_first, month_first, undecided, either = survey or (None, None, None, None)
    if day_first and month_first:
        what = f'holds both "{day_first}" (day first) and "{month_first}" (month first)'
    elif undecided and not day_first and not month_first:
        what = f'holds "{undecided}" and no date that shows whether the day or the month is first'
    else:
        return "dmy" if day_first else "mdy" if month_first or either else "ymd"
    raise CustomerIntelligenceError(
        "E_AMBIGUOUS_DATES",
        f'Column "{column}" of {name} {what}.',
        "Set `dates: mdy` or `dates: dmy` in mapping.yml.",
    )


def _filled_values(
    columns: Mapping[str, int],
    types: Sequence[str],
    mapping: SourceMapping,
    fallbacks: Mapping[str, Sequence[int]],
) -> dict[str, tuple[str, str]]:
    """Return SQL and type of the fields whose blanks are filled from elsewhere in the file."""
    filled = {}
    for field, position in columns.items():
        if field in fallbacks:
            parts = [_unless_blank(at, types) for at in (position, *fallbacks[field])]
            value = f"coalesce({', '.join(f'cast({part} as varchar)' for part in parts)})"
            kind = "VARCHAR"
        elif field in mapping.once_per_order:
            value, kind = _unless_blank(position, types), types[position]
        else:
            continue
        if field in mapping.once_per_order:
            value = f"coalesce({value}, {_first_of_order(value, columns)})"
        filled[field] = (value, kind)
    return filled


def _unless_blank(position: int, types: Sequence[str]) -> str:
    name = f"c{position}"
    if types[position] != "VARCHAR":
        return name
    return f"case when regexp_matches({name}, '{_SOMETHING_SEEN}') then {name} end"


def _first_of_order(value: str, columns: Mapping[str, int]) -> str:
    invoice = f"c{columns['invoice_no']}"
    return (
        f"case when regexp_matches(cast({invoice} as varchar), '{_SOMETHING_SEEN}') then "
        f"first_value({value} ignore nulls) over (partition by {invoice} order by record_number "
        "rows between unbounded preceding and unbounded following) end"
    )


def _carried_cell(position: int, types: Sequence[str], columns: Mapping[str, int]) -> str:
    """Return the date cell of a workbook, of the order's first line where the own is blank."""
    own = f"coalesce(date_cell is not null or {_unless_blank(position, types)} is not null, false)"
    return f"case when {own} then date_cell else {_first_of_order('date_cell', columns)} end"


def _shared_amount(invoice: str, has_amount: bool) -> str:
    """Return a line's share of what its order amounts to; the shares add up to the cent.

    Doubles are exact to four decimals here: each share is the difference of two rounded sums. An
    order that amounts to less than nothing counts as nothing.
    """
    line = "line_amount" if has_amount else "cast(quantity * unit_price as decimal(18, 4))"
    order = f"over (partition by {invoice} order by record_number rows between unbounded preceding "
    whole, so_far = order + "and unbounded following)", order + "and current row)"
    total, until = f"sum({line}) {whole}", f"sum({line}) {so_far}"
    amount = f"cast(first_value(order_amount ignore nulls) {whole} as double)"
    ratio = f"(if({amount} * sign({total}) < 0, 0, {amount} / cast({total} as double)))"
    shares = [f"round(cast({sum} as double) * {ratio}, 4)" for sum in (until, f"{until} - {line}")]
    return (
        f"case when {total} = 0 then {line} "
        f"else cast(cast({shares[0]} as decimal(18, 4)) - cast({shares[1]} as decimal(18, 4)) "
        "as decimal(18, 4)) end"
    )


def _made_invoice_no(file_sha256: str) -> str:
    """Return a number for what a customer bought at one time; it does not name the customer."""
    order = "coalesce(trim(customer_id), 'line ' || record_number), invoiced_at"
    return f"left({file_sha256}, 8) || '-' || dense_rank() over (order by {order})"


def _flag_value(name: str, kind: str) -> str:
    """Whether a value such as a time, ``yes`` or 1 says that something happened."""
    words = ", ".join(literal(word) for word in NO_WORDS)
    return f"coalesce(lower(trim(cast({name} as varchar))) not in ({words}), false)"


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(conditions) or "false"


def _has_nul(name: str) -> str:
    return f"coalesce(contains({name}, chr(0)), false)"


def _is_too_long(name: str) -> str:
    # Bytes are known, characters have to be counted.
    return (
        f"coalesce(strlen({name}) > {MAX_FIELD_CHARS} and length({name}) > {MAX_FIELD_CHARS}, "
        "false)"
    )


def _text_value(name: str, kind: str, field: str) -> str:
    """Text as in the source, empty as null; whole numbers without a decimal point."""
    if kind in ("DOUBLE", "FLOAT"):
        # Data frames hold codes with gaps as floats, and the gaps as NaN.
        return (
            f"case when isnan({name}) then null "
            f"when {name} = trunc({name}) and abs({name}) < 1e15 "
            f"then cast(cast({name} as bigint) as varchar) else cast({name} as varchar) end"
        )
    if kind != "VARCHAR":
        return f"nullif(cast({name} as varchar), '')"
    value = f"nullif({name}, '')"
    if field == "customer_id":
        value = (
            f"case when contains({name}, '.0') and regexp_full_match(trim({name}), '{_WHOLE_ID}') "
            f"then left(trim({name}), -2) else {value} end"
        )
    return f"case when {_has_nul(name)} or {_is_too_long(name)} then null else {value} end"


def _plain_number(name: str, mapping: SourceMapping, *, with_currency: bool) -> str:
    """Text of a number with the marks of the mapping undone; '' when they are misplaced."""
    value = f"trim({name})"
    if with_currency and mapping.currency is not None:
        code = mapping.currency
        signs = "|".join(
            re.escape(sign) for sign in (code, CURRENCY_SYMBOLS.get(code)) if sign is not None
        )
        pattern = f"^([+-]?) *(?:{signs}) *|(.) *(?:{signs})$"
        value = f"regexp_replace({value}, {literal(pattern)}, '{_FIRST}{_SECOND}')"
    mark, group = mapping.decimal, mapping.thousands
    if group is not None:
        pattern = rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{3}})+({re.escape(mark)}\d*)?"
        value = (
            f"case when not contains({value}, {literal(group)}) then {value} "
            f"when regexp_full_match({value}, {literal(pattern)}) "
            f"then replace({value}, {literal(group)}, '') else '' end"
        )
    if mark != ".":
        value = (
            f"case when contains({value}, '.') then '' "
            f"else replace({value}, {literal(mark)}, '.') end"
        )
    return value


def _number_text(name: str, kind: str, mapping: SourceMapping, *, with_currency: bool) -> str:
    # A stored number has no marks to undo; its shortest text is exact for decimals and floats.
    if kind != "VARCHAR":
        return f"cast({name} as varchar)"
    return _plain_number(name, mapping, with_currency=with_currency)


def _quantity_value(name: str, kind: str, mapping: SourceMapping) -> str:
    if kind in _INTEGER_TYPES:
        return f"cast({name} as bigint)"
    text = _number_text(name, kind, mapping, with_currency=False)
    return (
        f"case when regexp_full_match({text}, '{_INTEGER}') then cast({text} as bigint) "
        f"when regexp_full_match({text}, '{_WHOLE}') "
        f"then try_cast(regexp_replace({text}, '[.]0*$', '') as bigint) end"
    )


def _quantity_reason(name: str, kind: str, mapping: SourceMapping) -> str:
    text = _number_text(name, kind, mapping, with_currency=False)
    return (
        f"case when regexp_full_match(lower({text}), '{_NOT_FINITE}') then 'R_NOT_FINITE' "
        f"when regexp_full_match({text}, '{_NUMBER}') and ("
        f"abs(try_cast({text} as double)) >= 9.2e18) then 'R_OVERFLOW' "
        "else 'R_QUANTITY' end"
    )


def _amount_value(name: str, kind: str, mapping: SourceMapping) -> str:
    """Money with at most four decimals that mean something; more are noise of a float."""
    if kind in _INTEGER_TYPES:
        return f"try_cast({name} as decimal(18, 4))"
    if kind == "DOUBLE":
        return (
            f"case when abs({name}) < 1e14 and abs({name} * 1e4 - round({name} * 1e4)) < 0.01 "
            f"then cast(round({name}, 4) as decimal(18, 4)) end"
        )
    text = _number_text(name, kind, mapping, with_currency=True)
    wide = f"try_cast({text} as decimal(38, 18))"
    return (
        f"case when regexp_full_match({text}, '{_AMOUNT}') "
        f"then cast({text} as decimal(18, 4)) "
        f"when regexp_full_match({text}, '{_NUMBER}') "
        f"and abs({wide} - try_cast({wide} as decimal(18, 4))) < 0.000001 "
        f"then try_cast({wide} as decimal(18, 4)) end"
    )


def _amount_reason(name: str, kind: str, mapping: SourceMapping, reason: str) -> str:
    text = _number_text(name, kind, mapping, with_currency=True)
    return (
        f"case when regexp_full_match(lower({text}), '{_NOT_FINITE}') then 'R_NOT_FINITE' "
        f"when not coalesce(regexp_full_match({text}, '{_NUMBER}'), false) then 'R_{reason}' "
        f"when abs(try_cast({text} as double)) >= 1e14 then 'R_OVERFLOW' "
        f"else 'R_{reason}_SCALE' end"
    )


def _expression_value(
    expression: derived.Expression,
    positions: Mapping[str, int],
    types: Sequence[str],
    mapping: SourceMapping,
) -> str:
    def operand(name: str) -> str:
        position = positions[name]
        text = _number_text(f"c{position}", types[position], mapping, with_currency=True)
        return (
            f"case when regexp_full_match({text}, '{_NUMBER}') "
            f"then try_cast({text} as {derived.TYPE}) end"
        )

    return derived.as_sql(expression, operand)


def _derived_value(
    field: str,
    expression: derived.Expression,
    positions: Mapping[str, int],
    types: Sequence[str],
    mapping: SourceMapping,
    has_amount: bool,
) -> str:
    value = _expression_value(expression, positions, types, mapping)
    # Where the amount is known, it is what counts, and the price need not be exact.
    is_rounded = field == "unit_price" and has_amount
    return f"cast(round({value}, 4) as {derived.TYPE})" if is_rounded else value


def _date_value(name: str, kind: str, date_order: str | None) -> str:
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"try_cast({name} as timestamp)"
    text = f"trim(cast({name} as varchar))"
    iso = (
        f"when regexp_full_match({text}, '{_ISO_DATE}') then try_cast({text} as timestamp) "
        f"when regexp_full_match({text}, '{_ISO_DATE_WITH_OFFSET}') then cast(try_cast("
        f"regexp_replace(regexp_replace({text}, ' ?(Z|UTC)$', '+00'), ' ([+-])', '{_FIRST}') "
        "as timestamptz) as timestamp)"
    )
    if date_order in _DATE_ORDER_FORMATS:
        formats = ", ".join(
            literal(_DATE_ORDER_FORMATS[date_order] + time) for time in _TIME_FORMATS
        )
        parsed = (
            f"case when regexp_full_match({text}, '{_SLASHED_DATE}') "
            f"then try_strptime(translate({text}, '-.T', '// '), [{formats}]) {iso} end"
        )
    elif date_order is not None and "%" in date_order:
        parsed = f"cast(try_strptime({text}, {literal(date_order)}) as timestamp)"
    else:
        parsed = f"case {iso} end"
    # A date cell of a workbook needs no parsing; elsewhere the column is null.
    cell = "filled_cell" if name == "filled_invoice_date" else "date_cell"
    return f"coalesce({cell}, {parsed})"
