"""Draft a mapping for a file of which nothing was said: from names, types and values.

What is drafted is a proposal for a person to read. Nothing here is used by a load unless it stands
in a mapping file.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from customer_intelligence.ingest.columns import ALIASES, normalise
from customer_intelligence.ingest.mapping import CURRENCY_SYMBOLS

# Of the records looked at, so many must be of a kind; a few may be damaged.
MOST = 0.8
# Fragments of names, the likelier ones first. Names that hold a word of OTHERWISE are not meant.
FRAGMENTS: dict[str, tuple[str, ...]] = {
    "invoice_no": ("invoice", "order", "receipt", "transaction", "ticket", "basket", "bill"),
    "invoice_date": ("invoicedate", "orderdate", "created", "purchase", "date", "time", "day"),
    "customer_id": ("customer", "cust", "client", "buyer", "member", "email", "user", "account"),
    "quantity": ("quant", "qty", "units", "pieces", "count"),
    "unit_price": ("unitprice", "price", "unitcost"),
    "line_amount": ("linetotal", "total", "amount", "revenue", "sales", "value", "sum"),
    "stock_code": ("sku", "stock", "article", "productid", "itemid", "code", "product", "item"),
    "description": ("description", "title", "productname", "itemname", "product", "item", "name"),
    "country": ("country",),
    "cancelled": ("cancel", "void"),
    "currency": ("currency",),
}
OTHERWISE: dict[str, tuple[str, ...]] = {
    "invoice_no": ("date", "time", "total", "amount", "status", "created", "qty", "value"),
    "invoice_date": ("update", "birth", "ship", "deliver", "paid", "due", "cancel", "refund"),
    "customer_id": ("name", "type", "country", "city", "note", "phone", "segment", "discount"),
    "quantity": ("price", "discount", "country", "account", "refund"),
    "unit_price": ("total", "discount", "compare", "cost", "tax", "ship"),
    "line_amount": ("tax", "ship", "discount", "refund", "qty", "quant", "number", "compare"),
    "stock_code": ("country", "post", "zip", "promo", "discount", "currency", "price", "qty"),
    "description": ("customer", "client", "country", "first", "last", "user", "file", "shop"),
}
_NUMBER_STYLES = ((".", None), (".", ","), (",", None), (",", "."), (",", " "), (".", " "))
_DATE_FORMATS = (
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d.%m.%y %H:%M",
    "%Y%m%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y",
    "%d %b %Y %H:%M", "%b %d, %Y %H:%M", "%Y.%m.%d", "%Y%m%d %H:%M:%S",
)  # fmt: skip
_WHOLE = re.compile(r"[+-]?\d+([.,]0+)?")
_KNOWN_DATE = re.compile(
    r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ].*)?|\d{1,2}([-/.])\d{1,2}\3\d{4}([T ].*)?)"
)
_SLASHED = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}")
# "ORD-1001" is no amount of a currency ORD.
_CODES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "INR", "JPY",
    "MXN", "NOK", "NZD", "PLN", "RON", "SEK", "SGD", "TRY", "USD", "ZAR",
)  # fmt: skip
_SIGN = "|".join([*_CODES, *map(re.escape, CURRENCY_SYMBOLS.values())])
_MONEY = re.compile(
    rf"(?P<code>{_SIGN})? *"
    rf"(?P<number>[+-]?[\d.,'  ]*\d) *(?P<last>{_SIGN})?"
)


@dataclass
class Column:
    """What is seen of a column: its name and some of its distinct values.

    Parameters
    ----------
    name : str
        As in the file.
    values : dict of str to int
        Distinct ones, trimmed and not blank, with the number of records that hold each.
    """

    name: str
    values: Mapping[str, int]

    def is_mostly(self, holds: Callable[[str], object]) -> bool:
        """Tell whether something holds for the values of most records."""
        records = sum(self.values.values())
        return records > 0 and MOST * records <= sum(
            count for value, count in self.values.items() if holds(value)
        )

    @cached_property
    def is_number(self) -> bool:
        """Whether most values are numbers, in whatever marks."""
        return self.is_mostly(_MONEY.fullmatch)

    @cached_property
    def is_whole(self) -> bool:
        """Whether most values are whole numbers."""
        return self.is_mostly(_WHOLE.fullmatch)

    @property
    def numbers(self) -> list[str]:
        """The numbers, without signs of currency."""
        return [match["number"] for match in map(_MONEY.fullmatch, self.values) if match]

    @property
    def currencies(self) -> set[str]:
        """Codes of the currencies that stand beside the numbers."""
        codes = {sign: code for code, sign in CURRENCY_SYMBOLS.items()}
        matches = [match for match in map(_MONEY.fullmatch, self.values) if match]
        found = {part for match in matches for part in (match["code"], match["last"]) if part}
        return {codes.get(part, part) for part in found}

    @cached_property
    def date_format(self) -> str | None:
        """``known``, a strptime format, or None where most values are no dates."""
        if self.is_mostly(_KNOWN_DATE.fullmatch):
            return "known"
        return next((form for form in _DATE_FORMATS if self.is_mostly(_reader(form))), None)

    @property
    def date_order(self) -> str | None:
        """``dmy`` or ``mdy`` where a value proves it."""
        parts = [match for match in map(_SLASHED.match, self.values) if match]
        first = any(int(match[1]) > 12 for match in parts)
        second = any(int(match[2]) > 12 for match in parts)
        return "dmy" if first and not second else "mdy" if second and not first else None


@dataclass
class Draft:
    """A mapping as it would stand in the file, and what a person should know of it."""

    content: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draft_mapping(columns: Sequence[Column], repeats: Callable[[str, str], bool]) -> Draft:
    """Propose which column is which field, and how its values are written.

    Parameters
    ----------
    columns : sequence of Column
        Of the file.
    repeats : callable
        Tells of an invoice column and an amount column whether the amount is the same on every
        line of an invoice, and so the invoice's.
    """
    draft = Draft()
    chosen: dict[str, Column] = {}

    def choose(name: str, fits: Callable[[Column], bool]) -> Column | None:
        taken = [column.name for column in chosen.values()]
        free = [column for column in columns if column.name not in taken and fits(column)]
        ranked = sorted((_rank(name, column), at) for at, column in enumerate(free))
        if not ranked or ranked[0][0] == _NO_RANK:
            return None
        chosen[name] = free[ranked[0][1]]
        return chosen[name]

    def is_id(column: Column) -> bool:
        return column.date_format is None and not _is_amount(column)

    date = choose("invoice_date", lambda column: column.date_format is not None)
    if date is None:
        dated = [column for column in columns if column.date_format not in (None, "%Y%m%d")]
        if len(dated) == 1:
            date = chosen["invoice_date"] = dated[0]
    choose("invoice_no", is_id)
    choose("customer_id", is_id)
    price = choose("unit_price", lambda column: column.is_number)
    quantity = choose("quantity", lambda column: column.is_whole)
    amount = None
    if price is None or quantity is None or _has_alias("line_amount", columns):
        amount = choose("line_amount", lambda column: column.is_number)
    if quantity is None and amount is None and price is not None:
        chosen["line_amount"] = chosen.pop("unit_price")
        draft.notes.append(f'there is no quantity: "{price.name}" is taken for what the line costs')
        amount, price = price, None
    elif price is not None and quantity is None:
        del chosen["unit_price"]
        price = None
    choose("stock_code", lambda column: column.date_format is None and not _is_amount(column))
    choose("description", lambda column: not column.is_number and column.date_format is None)
    choose("country", lambda column: not column.is_number)
    choose("cancelled", lambda column: bool(column.values))
    choose("currency", lambda column: all(re.fullmatch("[A-Za-z]{3}", v) for v in column.values))
    if "stock_code" not in chosen and "description" in chosen:
        chosen["stock_code"] = chosen["description"]
        draft.notes.append("there is no product code: the product's name stands for it")

    absent = [name for name in ("invoice_no", "stock_code", "quantity") if name not in chosen]
    draft.content["columns"] = {name: column.name for name, column in chosen.items()}
    if absent:
        draft.content["absent"] = absent
    draft.notes += [_ABSENT[name] for name in absent]
    if amount is not None and "invoice_no" in chosen:
        invoice = chosen["invoice_no"].name
        if repeats(invoice, amount.name):
            draft.content["order_amount"] = _quoted(amount.name)
            draft.notes.append(
                f'"{amount.name}" is the same on every line of an invoice: it is taken for the '
                "invoice's total and divided among its lines"
            )
    _draft_formats(draft, chosen, [c for c in (price, amount, quantity) if c is not None])
    if date is not None:
        _draft_dates(draft, date)
    return draft


_NO_RANK = (9, 99, 0)
_ABSENT = {
    "invoice_no": "there is no invoice number: what a customer bought at one time is one order, "
    "and every line of nobody known",
    "stock_code": "there is no product: all lines are of one, (NONE)",
    "quantity": "there is no quantity: a line counts as one unit",
}


def _rank(name: str, column: Column) -> tuple[int, int, int]:
    normal = normalise(column.name)
    if normal in ALIASES[name]:
        return 0, ALIASES[name].index(normal), 0
    if any(word in normal for word in OTHERWISE.get(name, ())):
        return _NO_RANK
    for at, fragment in enumerate(FRAGMENTS[name]):
        if fragment in normal:
            # "order number" before "order channel", "customer" before "customer group".
            return 1, at, 0 if re.search(r"(id|no|nr|number|code|#)$", normal) else len(normal)
    return _NO_RANK


def _has_alias(name: str, columns: Sequence[Column]) -> bool:
    return any(normalise(column.name) in ALIASES[name] for column in columns)


def _is_amount(column: Column) -> bool:
    return column.is_number and not column.is_whole


def _draft_formats(draft: Draft, chosen: dict[str, Column], numeric: Sequence[Column]) -> None:
    values = [value for column in numeric for value in column.numbers]
    for decimal, thousands in _NUMBER_STYLES:
        read = sum(_is_number(value, decimal, thousands) for value in values)
        if values and read >= MOST * len(values):
            if decimal != ".":
                draft.content["decimal"] = decimal
            if thousands is not None:
                draft.content["thousands"] = thousands
                if all(re.fullmatch(r"[+-]?\d{1,3}([,.]\d{3})?", value) for value in values):
                    draft.notes.append(
                        f'"{thousands}" is taken for the mark between thousands; if it is the '
                        "decimal mark, say so"
                    )
            break
    currencies = {code for column in numeric for code in column.currencies}
    if "currency" not in chosen and len(currencies) == 1:
        draft.content["currency"] = currencies.pop()


def _draft_dates(draft: Draft, date: Column) -> None:
    if date.date_format == "known":
        if date.date_order is not None:
            draft.content["dates"] = date.date_order
        return
    fitting = [form for form in _DATE_FORMATS if all(map(_reader(form), date.values))]
    draft.content["dates"] = fitting[0] if fitting else date.date_format
    if len(fitting) > 1:
        draft.notes.append(f"dates may also be {fitting[1]}: nothing in the file shows which")


def _is_number(value: str, decimal: str, thousands: str | None) -> bool:
    mark, group = re.escape(decimal), re.escape(thousands or "")
    whole = rf"(\d+|\d{{1,3}}({group}\d{{3}})+)" if thousands else r"\d+"
    return re.fullmatch(rf"[+-]?{whole}({mark}\d*)?", value) is not None


def _reader(form: str) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            datetime.strptime(value, form)
        except ValueError:
            return False
        # strptime reads 500012 as a day of the year 5000: digits alone have to be eight.
        return not form.startswith("%Y%m") or bool(re.match(r"(19|20)\d{6}(\D|$)", value))

    return fits


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
