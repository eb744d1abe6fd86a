"""Where orders state amounts: on every line, the same on all lines, or on the first only."""

from collections import defaultdict
from collections.abc import Iterable

from customer_intelligence.check_data.draft.column import Column


def is_of_order(amount: Column, invoice: Column | None) -> bool:
    """Return whether an amount is the order's: stated once, or the same on all of its lines."""
    if invoice is None:
        return False
    orders = [rows for rows in by_order(amount, invoice) if len(rows) > 1]
    several = [rows for rows in orders if sum(map(bool, rows)) > 1]
    if orders and not several:
        return any(rows[0] for rows in orders)
    return bool(several) and sum(len(set(rows)) == 1 for rows in several) >= 0.99 * len(several)


def is_once_per_order(amount: Column, invoice: Column | None) -> bool:
    """Return whether only the first line of an order states an amount."""
    return invoice is not None and is_on_first_line(amount, invoice)


def by_order(column: Column, invoice: Column) -> Iterable[list[str]]:
    """Return the values of a column, by invoice."""
    orders: dict[str, list[str]] = defaultdict(list)
    for number, value in zip(invoice.rows, column.rows, strict=True):
        if number:
            orders[number].append(value)
    return orders.values()


def is_on_first_line(column: Column, invoice: Column) -> bool:
    """Tell whether a column is filled on the first and blank on the later lines of every order."""
    orders = list(by_order(column, invoice))
    later = [value for rows in orders for value in rows[1:]]
    return bool(later) and not any(later) and any(rows[0] for rows in orders)
