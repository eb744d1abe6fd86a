"""Third room, order by order: values that other lines of the file give."""

from collections.abc import Iterator

from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.type_fields import NOTHING, Cell, is_nobody

_SOMETHING_SEEN = r"[^\s\p{Z}\p{Cf}]"


def is_seen(name: str) -> str:
    """Tell whether a value shows anything; null where there is none."""
    return f"regexp_matches(cast({name} as varchar), '{_SOMETHING_SEEN}')"


def cells(reading: Reading) -> dict[str, Cell]:
    """Return the value of every field that a column holds, blanks filled from elsewhere."""
    found = {}
    for field, positions in reading.columns.positions.items():
        is_filled = len(positions) > 1 or field in reading.mapping.once_per_order
        kind = "VARCHAR" if len(positions) > 1 else reading.types[positions[0]]
        found[field] = Cell(f"filled_{field}" if is_filled else f"c{positions[0]}", kind)
    return found


def filled_columns(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield name and SQL of the columns that `cells` refers to and the source does not have."""
    for field, cell in cells(reading).items():
        if not cell.name.startswith("filled_"):
            continue
        positions = reading.columns.positions[field]
        value = _unless_blank(positions[0], reading)
        if len(positions) > 1:
            parts = [f"cast({_unless_blank(at, reading)} as varchar)" for at in positions]
            if field == "customer_id":
                parts = [f"case when not {is_nobody(part)} then {part} end" for part in parts]
            value = f"coalesce({', '.join(parts)})"
            if field == "invoice_date":
                value = f"concat_ws(' ', trim({parts[0]}), trim({parts[1]}))"
        if field in reading.mapping.once_per_order:
            value = f"coalesce({value}, {_first_of_order(value, reading)})"
        yield cell.name, value
        if field == "invoice_date":
            # The date cell of a workbook, of the order's first line where the own is blank.
            own = _unless_blank(positions[0], reading)
            has_own = f"coalesce(date_cell is not null or {own} is not null, false)"
            cell = "date_cell"
            if len(positions) > 1:
                time = f"try_cast(trim(cast(c{positions[1]} as varchar)) as time)"
                cell = f"cast(date_cell as date) + coalesce({time}, time '00:00')"
            if field in reading.mapping.once_per_order:
                first = _first_of_order(cell, reading)
                cell = f"case when {has_own} then {cell} else {first} end"
            yield "filled_cell", cell


def shared_amount(reading: Reading) -> str:
    """Return a line's share of what its order amounts to; the shares add up to the cent.

    Doubles are exact to four decimals here: each share is the difference of two rounded sums. An
    order that amounts to less than nothing counts as nothing.
    """
    invoice = cells(reading).get("invoice_no", NOTHING).name
    states_amount = "line_amount" in reading.columns
    line = "line_amount" if states_amount else "cast(quantity * unit_price as decimal(18, 4))"
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


def made_invoice_no(file_sha256: str) -> str:
    """Return a number for what a customer bought at one time; it does not name the customer."""
    order = "coalesce(trim(customer_id), 'line ' || record_number), invoiced_at"
    return f"left({file_sha256}, 8) || '-' || dense_rank() over (order by {order})"


def _unless_blank(position: int, reading: Reading) -> str:
    name = f"c{position}"
    if reading.types[position] != "VARCHAR":
        return name
    return f"case when {is_seen(name)} then {name} end"


def _first_of_order(value: str, reading: Reading) -> str:
    invoice = f"c{reading.columns.first('invoice_no')}"
    return (
        f"case when {is_seen(invoice)} then "
        f"first_value({value} ignore nulls) over (partition by {invoice} order by record_number "
        "rows between unbounded preceding and unbounded following) end"
    )
