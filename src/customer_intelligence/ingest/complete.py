"""Step 3, per order: values that come from other lines of the file."""

import re
from collections.abc import Iterator

from customer_intelligence.ingest.derived import COST
from customer_intelligence.ingest.fields import JOINED_FIELDS
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.type_fields import NOTHING, Cell, is_nobody
from customer_intelligence.quoting import literal

# Between the words of several columns; the models cut them apart there.
WORD_SEPARATOR = " | "
# A class of what is sold.
GIFT_CARD = "gift_voucher"
# As pandas calls the index of a data frame, in Parquet and in a text that was read and saved again.
_ROW_NUMBER = re.compile(r"__index_level_\d+__|Unnamed: 0(\.\d+)?")
_WHOLE_ORDER = "and unbounded following)"
_SO_FAR = "and current row)"

_SOMETHING_SEEN = r"[^\s\p{Z}\p{Cf}]"


def is_seen(name: str) -> str:
    """Return whether a value has a visible character; null for null."""
    text = f"cast({name} as varchar)"
    # Of most values the first sign is seen, and a letter, digit or mark of ASCII.
    return (
        f"case when {text} >= '!' and {text} < chr(127) then true "
        f"else regexp_matches({text}, '{_SOMETHING_SEEN}') end"
    )


def cells(reading: Reading) -> dict[str, Cell]:
    """Return the value of every field that a column holds, blanks filled from elsewhere."""
    found = {}
    for field, positions in reading.columns.positions.items():
        is_filled = len(positions) > 1 or field in reading.mapping.once_per_order
        is_filled = is_filled or positions[0] in reading.columns.zeros
        kind = "VARCHAR" if len(positions) > 1 else reading.types[positions[0]]
        found[field] = Cell(f"filled_{field}" if is_filled else f"c{positions[0]}", kind)
    return found


def filled_columns(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield name and SQL of the columns that `cells` refers to and the source does not have."""
    for field, cell in cells(reading).items():
        if cell.name.startswith("filled_") and field != "invoice_no":
            yield cell.name, _filled_value(field, cell.kind, reading)
            if field == "invoice_date":
                yield "filled_cell", _filled_date_cell(reading)


def _filled_value(field: str, kind: str, reading: Reading) -> str:
    positions = reading.columns.positions[field]
    value = _unless_blank(positions[0], reading)
    is_once = field in reading.mapping.once_per_order
    if len(positions) > 1:
        parts = _parts(positions, reading)
        if field == "customer_id":
            parts = [f"case when not {is_nobody(part)} then {part} end" for part in parts]
        if is_once and field != "invoice_date":
            # What the order states comes before what stands in for it on a later line.
            parts = [f"coalesce({part}, {_first_of_order(part, reading)})" for part in parts]
            is_once = False
        value = f"coalesce({', '.join(parts)})"
        if field in JOINED_FIELDS:
            trimmed = [f"trim({part})" for part in parts]
            value = f"nullif(concat_ws('{WORD_SEPARATOR}', {', '.join(trimmed)}), '')"
        if field == "invoice_date":
            # Without a day there is none to fill in a time of.
            value = f"trim({parts[0]}) || coalesce(' ' || trim({parts[1]}), '')"
    if is_once:
        value = f"coalesce({value}, {_first_of_order(value, reading)})"
    return _or_zero(value, kind) if positions[0] in reading.columns.zeros else value


def _filled_date_cell(reading: Reading) -> str:
    """Return the date cell of a workbook; a blank one takes that of the order's first line."""
    positions = reading.columns.positions["invoice_date"]
    filled = "date_cell"
    if len(positions) > 1:
        time = f"try_cast(trim(cast(c{positions[1]} as varchar)) as time)"
        filled = f"cast(date_cell as date) + coalesce({time}, time '00:00')"
    if "invoice_date" not in reading.mapping.once_per_order:
        return filled
    own = _unless_blank(positions[0], reading)
    has_own = f"coalesce(date_cell is not null or {own} is not null, false)"
    return f"case when {has_own} then {filled} else {_first_of_order(filled, reading)} end"


def counted_columns(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield name and SQL of the columns in which a blank counts as zero."""
    for position in sorted(reading.columns.zeros):
        value = _or_zero(_unless_blank(position, reading), reading.types[position])
        yield f"counted_c{position}", value


def _or_zero(value: str, kind: str) -> str:
    zero = "'0'" if kind == "VARCHAR" else "0"
    return f"coalesce({value}, {zero})"


def is_credit_note(reading: Reading) -> str:
    """Return whether a line's status is a word for credit notes, ignoring case and punctuation."""
    words = ", ".join(literal(_plain_word(word)) for word in reading.mapping.credit_notes)
    found = f"string_split(translate(lower(status), '_-', '  '), '{WORD_SEPARATOR}')"
    return f"list_has_any(list_transform({found}, lambda word: trim(word)), [{words}])"


def _plain_word(word: str) -> str:
    return word.lower().replace("_", " ").replace("-", " ").strip()


def credited(reading: Reading) -> str:
    """Return whether a line belongs to a credit note whose total has the sign of a sale."""
    total = f"sum({_STATED_OR_AMOUNT}) {_over_order(reading)}{_WHOLE_ORDER}"
    return f"coalesce({is_credit_note(reading)} and {total} > 0, false)"


def filled_invoice_no(reading: Reading) -> list[tuple[str, str]]:
    """Return name and SQL of the order number where it stands on an order's first line only.

    The other columns of `filled_columns` look for an order's first line by it.
    """
    if "invoice_no" not in reading.mapping.once_per_order:
        return []
    number = _unless_blank(reading.columns.positions["invoice_no"][0], reading)
    above = "order by record_number rows between unbounded preceding and current row"
    return [("filled_invoice_no", f"last_value({number} ignore nulls) over ({above})")]


def order_key(reading: Reading) -> list[tuple[str, str]]:
    """Return name and SQL of the column that separates orders with the same number, if any.

    What stands on the first line of an order holds for those below it.
    """
    if reading.columns.order_id is None:
        return []
    order = f"over (partition by {_invoice(reading)} order by record_number rows between "
    value = f"cast({_unless_blank(reading.columns.order_id, reading)} as varchar)"
    above = f"last_value({value} ignore nulls) {order}unbounded preceding and current row)"
    first = f"first_value({value} ignore nulls) {order}unbounded preceding {_WHOLE_ORDER}"
    return [("order_key", f"coalesce({above}, {first})")]


def is_line(reading: Reading) -> str | None:
    """Return the condition that a record is a line, by the key ``only``; None where all are."""
    conditions = []
    for at, words in reading.columns.only.items():
        allowed = ", ".join(literal(word.strip().lower()) for word in words)
        word = f"coalesce(lower(trim(cast({_unless_blank(at, reading)} as varchar))), '')"
        conditions.append(f"{word} in ({allowed})")
    return " and ".join(conditions) or None


def shared_amount(reading: Reading) -> str:
    """Return a line's share of what its order amounts to; the shares add up to the cent.

    Doubles are exact to four decimals here: each share is the difference of two rounded sums. An
    order that amounts to less than nothing counts as nothing.
    """
    states_amount = "line_amount" in reading.columns
    line = "line_amount" if states_amount else _AMOUNT_OF_LINE
    order = _over_order(reading)
    total = f"sum({line}) {order}{_WHOLE_ORDER}"
    amount = f"cast({total} as double)"
    if reading.columns.order_amount is not None:
        amount = f"cast(first_value(order_amount ignore nulls) {order}{_WHOLE_ORDER} as double)"
    if reading.columns.order_discount is not None:
        every, least, most, count = (
            f"{function}(order_discount) {order}{_WHOLE_ORDER}"
            for function in ("sum", "min", "max", "count")
        )
        is_repeated = f"{least} = {most} and {count} = count(*) {order}{_WHOLE_ORDER}"
        discount = f"if({is_repeated}, {most}, coalesce({every}, 0))"
        amount = f"({amount} - abs(cast({discount} as double)))"
    ratio = f"(if({amount} * sign({total}) < 0, 0, {amount} / cast({total} as double)))"
    share = _share(line, ratio, order)
    if (card := _is_gift_card(reading)) is not None:
        # A gift card is sold for what it is worth: what an order is reduced by is of the rest.
        rest = f"if({card}, 0, {line})"
        rest_total = f"sum({rest}) {order}{_WHOLE_ORDER}"
        left = f"({amount} - cast({total} - {rest_total} as double))"
        of_rest = _share(rest, f"({left} / cast({rest_total} as double))", order)
        share = (
            f"case when {rest_total} <= 0 or {left} < 0 then {share} "
            f"when {card} then {line} else {of_rest} end"
        )
    return f"case when {total} = 0 then {line} else {share} end"


def _is_gift_card(reading: Reading) -> str | None:
    """Return whether a line sells a gift card, by the rules of the mapping; None without any."""
    rules = reading.mapping.rules
    conditions = []
    if (pattern := rules.get("description_patterns", {}).get(GIFT_CARD)) is not None:
        conditions.append(f"regexp_matches(description, {literal(pattern)}, 'i')")
    codes = [code for code, kind in rules.get("codes", {}).items() if kind == GIFT_CARD]
    if codes:
        listed = ", ".join(literal(code.strip().upper()) for code in codes)
        conditions.append(f"upper(trim(stock_code)) in ({listed})")
    return f"coalesce({' or '.join(conditions)}, false)" if conditions else None


def goods_refunded(reading: Reading) -> str:
    """Return the part of the order's refund that is for goods, at most what the goods cost.

    A refund that no more is known of is one of goods, tax and whatever else was paid: the goods'
    part is in proportion to what they and their tax came to.
    """
    order = f"{_over_order(reading)}{_WHOLE_ORDER}"
    total = f"cast(sum({_STATED_OR_AMOUNT}) {order} as double)"

    def of_order(part: str) -> str:
        return f"cast(first_value(refund_{part} ignore nulls) {order} as double)"

    parts = reading.columns.order_refund
    goods = of_order("subtotal") if "subtotal" in parts else total
    tax = f"greatest(coalesce({of_order('tax')}, 0), 0)" if "tax" in parts else "0"
    part = f"abs({of_order('amount')}) * {goods} / nullif({goods} + {tax}, 0)"
    return (
        f"case when {total} > 0 and {goods} > 0 "
        f"then cast(round(least({part}, {goods}, {total}), 4) as decimal(18, 4)) end"
    )


def goods_cost(reading: Reading) -> str:
    """Return the sum of the lines of a line's order."""
    return f"sum({_STATED_OR_AMOUNT}) {_over_order(reading)}{_WHOLE_ORDER}"


def shared_refund(reading: Reading) -> str:
    """Return a line's share of ``refunded_goods``; the shares add up to the cent.

    An order of whose lines one states a refund is refunded by what its lines state.
    """
    ratio = "(cast(refunded_goods as double) / cast(goods_cost as double))"
    share = _share(_STATED_OR_AMOUNT, ratio, _over_order(reading))
    return (
        f"case when refunded_goods > 0 and not {states_refund(reading)} then {share} "
        "else refunded_amount end"
    )


def states_refund(reading: Reading) -> str:
    """Return whether a line of a line's order states a refund."""
    if "refunded_amount" not in reading.columns:
        return "false"
    order = f"{_over_order(reading)}{_WHOLE_ORDER}"
    return f"coalesce(max(refunded_amount) {order} > 0, false)"


def copies_query(reading: Reading) -> str:
    """Write the query of the records that are equal to an earlier one in all their values.

    The row numbers that data frames are saved with are none of them. The hash only narrows the
    search: equality is decided on the values.
    """
    said = (f"c{at}" for at, name in enumerate(reading.header) if not _ROW_NUMBER.fullmatch(name))
    values = ", ".join((*said, "date_cell"))
    return f"""
    select record_number, copy_number from (
        select
            record_number,
            row_number() over (partition by {values} order by record_number) as copy_number
        from source
        where hash({values}) in (
            select hash({values}) as record_hash from source
            group by record_hash having count(*) > 1
        )
    )
    where copy_number > 1
    """  # noqa: S608  # nosec  # names are positions


def made_invoice_no(file_sha256: str) -> str:
    """Return an invoice number for a customer's lines at one time, without the customer's id."""
    order = "coalesce(trim(customer_id), 'line ' || record_number), invoiced_at"
    # Relations have no hash, and are never read beside other loads.
    return f"coalesce(left({file_sha256}, 8) || '-', '') || dense_rank() over (order by {order})"


_AMOUNT_OF_LINE = f"try_cast({COST} as decimal(18, 4))"
_STATED_OR_AMOUNT = f"coalesce(line_amount, {_AMOUNT_OF_LINE})"


def _over_order(reading: Reading) -> str:
    """Return the start of a window over the lines of an order."""
    order = _order(reading)
    return f"over (partition by {order} order by record_number rows between unbounded preceding "


def _invoice(reading: Reading) -> str:
    return cells(reading).get("invoice_no", NOTHING).name


def _order(reading: Reading) -> str:
    """Return what all lines of an order share, and those of no other order."""
    return ", ".join([_invoice(reading), *(name for name, _ in order_key(reading))])


def _share(line: str, ratio: str, order: str) -> str:
    """Return a line's share of its order: the difference of two rounded sums."""
    until = f"sum({line}) {order}{_SO_FAR}"
    sums = (
        f"cast(round(cast({amount} as double) * {ratio}, 4) as decimal(18, 4))"
        for amount in (until, f"{until} - {line}")
    )
    return f"cast({' - '.join(sums)} as decimal(18, 4))"


def _parts(positions: tuple[int, ...], reading: Reading) -> list[str]:
    return [f"cast({_unless_blank(at, reading)} as varchar)" for at in positions]


def _unless_blank(position: int, reading: Reading) -> str:
    name = f"c{position}"
    if reading.types[position] in ("DOUBLE", "FLOAT"):
        # Data frames hold gaps of numbers as NaN.
        return f"case when not isnan({name}) then {name} end"
    if reading.types[position] != "VARCHAR":
        return name
    return f"case when {is_seen(name)} then {name} end"


def _first_of_order(value: str, reading: Reading) -> str:
    return (
        f"case when {is_seen(_invoice(reading))} then "
        f"first_value({value} ignore nulls) over (partition by {_order(reading)} "
        "order by record_number "
        "rows between unbounded preceding and unbounded following) end"
    )
