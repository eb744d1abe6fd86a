"""The mapping as it would be written, and what a person should know about it."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from customer_intelligence.check_data.draft.choosing import Draft, Work
from customer_intelligence.check_data.draft.column import (
    DATE_FORMATS,
    FEW_RECORDS,
    MOST,
    Column,
    number_style,
    reader,
)
from customer_intelligence.check_data.draft.money import CENT
from customer_intelligence.check_data.draft.orders import (
    by_order,
    is_on_first_line,
    is_once_per_order,
)
from customer_intelligence.ingest import names
from customer_intelligence.ingest.currency_signs import SIGNS
from customer_intelligence.ingest.fields import FALLBACK_FIELDS, FIELDS, ONCE_PER_ORDER_FIELDS

# So many invoices of several lines prove that an amount is repeated on each of them.
REPEATING_INVOICES = 20
# More of the orders than this belong to no one person.
GUEST_SHARE = 0.2
GUEST_ORDERS = 10
_MONEY_FIELDS = {"unit_price", "line_amount"}
_ABSENT = {
    "invoice_no": "there is no invoice number: what a customer bought at one time is one order, "
    "and every line of nobody known",
    "stock_code": "there is no product: all lines are of one, (NONE)",
    "quantity": "there is no quantity: a line counts as one unit",
}
_MISSING = {
    "invoice_date": "no column is known to hold the day of an order: name it",
    "customer_id": "no column is known to say who bought: name it",
    "line_amount": "no column is known to hold a price or an amount: name it",
}


def drafted(work: Work) -> Draft:
    """Write down what was chosen."""
    draft = Draft(notes=work.notes, proposals=work.proposals)
    order = [name for name in FIELDS if name in work.proposals]
    chosen = {
        name: (
            work.proposals[name].columns
            if name in FALLBACK_FIELDS and len(work.proposals[name].columns) > 1
            else work.proposals[name].columns[0]
        )
        for name in order
    }
    draft.content["columns"] = chosen
    absent = [name for name in _ABSENT if name not in chosen]
    draft.is_lines = _are_lines(work)
    if (
        not draft.is_lines
        and {"stock_code", "quantity"} <= set(chosen)
        and not _MONEY_FIELDS & set(chosen)
    ):
        draft.notes.append(
            "these records have no amounts, and are not like lines of orders: what they cost may "
            "stand in another file or on another sheet"
        )
    elif not draft.is_lines:
        draft.notes.append(
            "these records look like whole orders, payments or a list, and not like lines of "
            "orders: what is said of products and quantities will say little"
        )
    if absent:
        draft.content["absent"] = absent
    draft.notes += [_ABSENT[name] for name in absent]
    money = _MONEY_FIELDS & set(chosen)
    missing = [name for name in _MISSING if name not in chosen and not (money and "_a" in name)]
    draft.notes += [_MISSING[name] for name in missing]
    invoice = work.chosen.get("invoice_no")
    if invoice is not None:
        _draft_order(draft, work, invoice)
    if "unit_price" in chosen and "line_amount" not in chosen:
        _draft_discount(draft, work, invoice)
    once = work.once_per_order
    if once is not None and work.order_amount is None and "order_amount" not in draft.content:
        draft.notes.append(
            f"{once.name!a} stands once per order: it is no line's amount. To count it, write "
            f"order_amount: {_quoted(once.name)!r}"
        )
    numeric = [
        work.chosen[name] for name in ("unit_price", "line_amount", "quantity") if name in chosen
    ]
    _draft_formats(draft, work.chosen, numeric)
    return draft


def _are_lines(work: Work) -> bool:
    """Return whether records are lines of orders: a product, its quantity or price, its money."""
    money = work.chosen.get("line_amount") or work.chosen.get("unit_price")
    product = work.chosen.get("stock_code")
    is_dated = {"invoice_no", "invoice_date"} & set(work.chosen)
    if money is None or product is None or not is_dated or work.order_amount is not None:
        return False
    bare = [names.said(column.name).meanings for column in work.columns]
    if all({one} in bare for one in ("fee", "gross", "net")):
        return False
    quantity = work.chosen.get("quantity")
    if quantity is None:
        said = names.said(money.name).meanings
        return "invoice_no" in work.chosen and "price" in said and "unit" not in said
    both = sum(bool(one and two) for one, two in zip(quantity.rows, money.rows, strict=True))
    return 2 * both >= len(money.rows)


def _draft_order(draft: Draft, work: Work, invoice: Column) -> None:
    """Draft the keys for what an order states once, on its first line or on all lines."""
    amount = work.order_amount
    if amount is not None:
        several = [rows for rows in by_order(amount, invoice) if len(rows) > 1]
        if len(several) >= REPEATING_INVOICES:
            draft.content["order_amount"] = _quoted(amount.name)
            draft.notes.append(
                f"{amount.name!a} is the same on every line of an invoice: it is taken for the "
                "invoice's total and divided among its lines"
            )
    once = [
        name
        for name in ("invoice_date", "customer_id", "country", "cancelled", "status")
        if name in draft.content["columns"]
        and name in ONCE_PER_ORDER_FIELDS
        and is_on_first_line(work.chosen[name], invoice)
    ]
    if once:
        draft.content["once_per_order"] = once
        draft.notes.append(
            f"{', '.join(once)} stand on the first line of an order only: blanks take its value"
        )


def _draft_discount(draft: Draft, work: Work, invoice: Column | None) -> None:
    """Note that prices are before a discount, and subtract it if arithmetic proves it."""
    for column in work.columns:
        meanings = names.said(column.name).meanings
        amounts = [amount for amount in column.decimals if amount]
        if "discount" not in meanings or meanings & {"code", "net"} or not amounts:
            continue
        named = _quoted(column.name)
        if is_once_per_order(column, invoice):
            before = _amount_before(work, column, invoice)
            if before is not None and "order_amount" not in draft.content:
                draft.content["order_amount"] = f"{_quoted(before.name)} - {named}"
                less = f"{sum(map(abs, amounts)):,.2f}"
                draft.notes.append(
                    f"{column.name!a} takes {less} off {before.name!a}, as a total of the orders "
                    "shows: what is left is divided among the lines"
                )
                return
            way_out = f"order_amount: '… - {named}'"
        elif all(0 < amount <= 1 for amount in amounts):
            quantity, price = (
                _quoted(work.chosen[name].name) if name in work.chosen else "1"
                for name in ("quantity", "unit_price")
            )
            way_out = f"derived: {{line_amount: '{quantity} * {price} * (1 - {named})'}}"
        else:
            way_out = f"derived: {{line_amount: '… - {named}'}}"
        draft.notes.append(
            f"{column.name!a} says of discounts, and does not count: if prices are before them, "
            f"write {way_out}"
        )
        return


def _amount_before(work: Work, discount: Column, invoice: Column | None) -> Column | None:
    """Return the amount of an order that equals another amount once the discount is subtracted."""
    of_orders = [
        column
        for column in work.columns
        if column is not discount and column.is_number and is_once_per_order(column, invoice)
    ]
    subtotals = [one for one in of_orders if "subtotal" in names.said(one.name).meanings]
    totals = [one for one in of_orders if "total" in names.said(one.name).meanings]
    added = [one for one in of_orders if names.said(one.name).meanings & {"shipping", "tax"}]
    for before, total in itertools.product(subtotals, totals):
        orders = [
            (whole, amount - abs(less), [one.decimals[at] or Decimal(0) for one in added])
            for at, (whole, amount, less) in enumerate(
                zip(total.decimals, before.decimals, discount.decimals, strict=True)
            )
            if whole is not None and amount is not None and less
        ]
        holds = sum(
            any(abs(whole - left - more) <= CENT for more in {Decimal(0), sum(parts), *parts})
            for whole, left, parts in orders
        )
        if before is not total and len(orders) >= FEW_RECORDS and holds >= MOST * len(orders):
            return before
    return None


def identity_notes(customer: Column, invoice: Column) -> list[str]:
    """Note odd customer ids: one with many of the orders, or two columns that are one id."""
    notes = []
    orders = Counter(
        who
        for who, _ in {
            (who, number)
            for who, number in zip(customer.rows, invoice.rows, strict=True)
            if who and number
        }
    )
    total = sum(orders.values())
    for who, count in orders.most_common(1):
        if total >= GUEST_ORDERS and count > GUEST_SHARE * total and len(orders) > 2:
            notes.append(
                f"one customer, {who[:40]!a}, has {count:,} of {total:,} orders: if it stands for "
                "guests, name it among the words for nobody"
            )
    spellings: dict[str, set[str]] = defaultdict(set)
    for who in orders:
        folded = who.casefold()
        spellings[folded.lstrip("0") or folded].add(who)
    twins = [sorted(same) for same in spellings.values() if len(same) > 1]
    if twins:
        one, other = min(twins)[:2]
        notes.append(
            f"{len(twins):,} customers are written in ways that differ only in case or leading "
            f"zeros, such as {one[:40]!a} and {other[:40]!a}"
        )
    return notes


def _draft_formats(draft: Draft, chosen: dict[str, Column], numeric: Sequence[Column]) -> None:
    values = [value for column in numeric for value in column.numbers]
    style = number_style(values)
    if style is not None:
        decimal, thousands = style
        if decimal != ".":
            draft.content["decimal"] = decimal
        if thousands is not None:
            draft.content["thousands"] = thousands
            if all(re.fullmatch(r"[+-]?\d{1,3}([,.]\d{3})?", value) for value in values):
                draft.notes.append(
                    f'"{thousands}" is taken for the mark between thousands; if it is the '
                    "decimal mark, say so"
                )
    currencies = {code for column in numeric for code in column.currencies}
    if "currency" in chosen or len(currencies) != 1:
        return
    code = currencies.pop()
    if code in SIGNS:
        draft.content["currency"] = code
    else:
        draft.notes.append(f"the sign of the amounts is of several currencies, {code}: name one")


def draft_dates(draft: Draft, date: Column) -> None:
    """Draft the format of dates if it is unusual."""
    if date.date_format == "known":
        if date.date_order is not None:
            draft.content["dates"] = date.date_order
        return
    fitting = [form for form in DATE_FORMATS if all(map(reader(form), date.values))]
    draft.content["dates"] = fitting[0] if fitting else date.date_format
    if len(fitting) > 1:
        draft.notes.append(f"dates may also be {fitting[1]}: nothing in the file shows which")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
