"""What a person states about a file and its shop: the keys of mapping.yml and their values."""

import codecs
import json
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.derived import parse
from customer_intelligence.ingest.engine import connect
from customer_intelligence.ingest.fields import (
    DERIVABLE_FIELDS,
    DISPENSABLE_FIELDS,
    FALLBACK_FIELDS,
    FIELDS,
    JOINED_FIELDS,
    ONCE_PER_ORDER_FIELDS,
    REFUSAL_COLUMN,
)
from customer_intelligence.ingest.files import shorten
from customer_intelligence.ingest.rules import check_rules
from customer_intelligence.ingest.yaml_files import read_yaml

# What an order says of its refund, each an expression.
REFUND_PARTS = ("amount", "subtotal", "tax")
# What is said of each of several files that belong together; of that of the lines, the first two.
FILE_KEYS = ("file", "sheet", "key", "matches")
MAX_FILES, MAX_KEYS = 20, 5
CURRENCY_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹"}
SHOWN_CHARS = 200
MAX_HEADER_ROW = 100_000
MAX_TEXT_CHARS = 1_000
DATE_ORDERS = ("ymd", "mdy", "dmy")
THOUSANDS = (",", ".", " ", "'", "\u00a0", "\u202f")


@dataclass(frozen=True)
class SourceMapping:
    """What a person states about a source file; everything else is detected or refused.

    Parameters
    ----------
    columns : dict of str to str or list of str
        Field name to the column's name in the file, for columns the aliases do not know. Stock
        code, description, customer id and country may have several: the first that is filled
        counts. So may the status of an order: each of its words counts. The invoice date may have
        two, of the day and of the time.
    derived : dict of str to str
        Quantity, unit price, line amount or refunded amount to the arithmetic that gives it, such
        as ``'"Line Total" / Quantity'`` (see `customer_intelligence.ingest.derived`).
    encoding : str, optional
        Python codec name of a text file.
    dates : str, optional
        ``ymd``, ``mdy``, ``dmy`` or a strptime format; applies to dates stored as text.
    timezone : str, optional
        Zone such as ``Europe/Berlin`` where the file shows UTC: days are those of the zone.
        Without it, a time counts as the file shows it, whatever its offset.
    decimal, thousands : str
        Marks within numbers stored as text; no thousands mark by default.
    currency : str, optional
        ISO 4217 code; with it, the code or its symbol may stand at either end of a price.
    absent : list of str
        ``stock_code``, ``quantity``, ``invoice_no`` or ``customer_id`` where the file has none: a
        line then has no product, one unit, or no customer; the lines of one customer at one
        time form an invoice, with a number that is unique to this file.
    once_per_order : list of str
        Fields that an order states on its first line only; blank ones take that value.
    order_amount : str, optional
        Arithmetic over columns for the total of an order's lines. It is divided among them in
        proportion to their own amounts.
    order_discount : str, optional
        Arithmetic for a discount of the order that the amounts of its lines do not contain. If
        every line of the order repeats it, it counts once; if they differ, they add up.
    order_refund : dict of str to str
        Arithmetic for the refund of an order (``amount``), the price of its goods
        (``subtotal``) and their ``tax``. The goods' part of the refund is divided among the
        lines in proportion to their amounts, in orders without a refund on a line.
    order_id : str, optional
        Column that separates orders with the same number, such as in the joined exports of two
        shops. It may be filled on an order's first line only, or be absent.
    optional : list of str
        Columns of `columns` that some exports of the kind lack.
    only : dict of str to list of str
        Column to the words that mark a record as a line; other records are quarantined. An
        empty word stands for a blank.
    zero_if_blank : list of str
        Columns of numbers in which a blank means 0, such as a discount.
    credit_notes : list of str
        Status words that make an invoice a credit note: its total is negative, whatever the
        signs of its lines.
    rules : dict
        What the shop's codes, invoice numbers and signs mean, for the ``shop.yml`` that the first
        load writes (see `customer_intelligence.ingest.rules`).
    header_row : int, optional
        Line of a text, or row of a sheet, on which the header stands, from 1.
    sheet : str, optional
        The sheet of a workbook; without it, all that hold the table.
    quotes : bool
        Whether quotes may enclose a field of a text; ``false`` if they are ordinary characters,
        as in the tab-separated reports of a marketplace.
    files : dict of str to dict
        Files that belong together: a name to its ``file``, beside the one that is given or in the
        directory that is given, and to its ``sheet``. The first holds the lines; each further one
        has the ``key`` by which it is joined, and ``matches`` where the files before it call that
        otherwise.

    Examples
    --------
    >>> SourceMapping(columns={"invoice_no": "Beleg"}, dates="dmy", currency="EUR").dates
    'dmy'
    """

    columns: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    dates: str | None = None
    timezone: str | None = None
    decimal: str = "."
    thousands: str | None = None
    currency: str | None = None
    absent: Sequence[str] = ()
    once_per_order: Sequence[str] = ()
    order_amount: str | None = None
    order_discount: str | None = None
    order_id: str | None = None
    optional: Sequence[str] = ()
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    order_refund: Mapping[str, str] = field(default_factory=dict)
    zero_if_blank: Sequence[str] = ()
    credit_notes: Sequence[str] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    header_row: int | None = None
    sheet: str | None = None
    quotes: bool = True
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value; raises CustomerIntelligenceError with the code E_BAD_MAPPING."""
        _require(
            isinstance(self.columns, Mapping),
            "columns",
            self.columns,
            "Write `columns: {invoice_date: created}`.",
        )
        for name, column in self.columns.items():
            _require(name in FIELDS, "columns", name, f"Fields are: {', '.join(FIELDS)}.")
            may_be_several = name in (*FALLBACK_FIELDS, *JOINED_FIELDS)
            several = may_be_several and isinstance(column, list) and bool(column)
            if name == "invoice_date" and isinstance(column, list):
                several = len(column) == len(("date", "time"))
            for one in as_list(column) if several else [column]:
                _require(
                    isinstance(one, str) and bool(one),
                    f"columns.{name}",
                    one,
                    "Give the column's name in the file, in quotes.",
                )
        consent = self.columns.get("consent", "")
        _require(
            REFUSAL_COLUMN.search(str(consent)) is None,
            "columns.consent",
            consent,
            "A yes in that column is a refusal. List the customers who refused in "
            "do_not_contact.csv of the data directory instead.",
        )
        texts = ("columns", "derived", "encoding", "dates", "timezone")
        orders = ("order_amount", "order_discount", "order_refund")
        for name in (*texts, *orders, "files", "zero_if_blank", "credit_notes"):
            _check_texts(name, getattr(self, name))
        self._check_derived()
        self._check_orders()
        self._check_records()
        self._check_words()
        self._check_files()
        _require(
            "currency" not in self.rules, "rules", "currency", "Write `currency:` outside rules."
        )
        check_rules(self.rules, "The mapping's rules", "E_BAD_MAPPING")
        for name in ("encoding", "dates", "timezone", "decimal", "thousands", "currency", "sheet"):
            value = getattr(self, name)
            _require(value is None or isinstance(value, str), name, value, "Write it in quotes.")
        hint = "Write true, or false where quotes are signs like others."
        _require(isinstance(self.quotes, bool), "quotes", self.quotes, hint)
        row = self.header_row
        _require(
            row is None or (type(row) is int and 1 <= row <= MAX_HEADER_ROW),
            "header_row",
            row,
            "Write the number of the line on which the names of the columns stand, from 1.",
        )
        _require(
            self.encoding is None or _is_text_encoding(self.encoding),
            "encoding",
            self.encoding,
            "Use a codec name such as utf-8, latin-1 or cp1252.",
        )
        _require(
            self.dates is None or self.dates in DATE_ORDERS or _is_date_format(self.dates),
            "dates",
            self.dates,
            "Use ymd, mdy, dmy or a strptime format such as '%d.%m.%Y %H:%M'.",
        )
        _require(
            self.timezone is None or self.timezone in zoneinfo.available_timezones(),
            "timezone",
            self.timezone,
            "Use a name such as Europe/Berlin.",
        )
        _require(self.decimal in (".", ","), "decimal", self.decimal, "Use '.' or ','.")
        _require(
            self.thousands is None
            or (self.thousands in THOUSANDS and self.thousands != self.decimal),
            "thousands",
            self.thousands,
            "Use ',', '.', a blank or an apostrophe, and not the decimal mark.",
        )
        _require(
            self.currency is None or bool(re.fullmatch("[A-Z]{3}", self.currency)),
            "currency",
            self.currency,
            "Use a three-letter code such as GBP.",
        )

    def _check_derived(self) -> None:
        example = "Write `derived: {unit_price: '\"Line Total\" / Quantity'}`."
        _require(isinstance(self.derived, Mapping), "derived", self.derived, example)
        for name, text in self.derived.items():
            _require(
                name in DERIVABLE_FIELDS,
                "derived",
                name,
                f"Fields that can be derived are: {', '.join(DERIVABLE_FIELDS)}.",
            )
            key = f"derived.{name}"
            _require(
                name not in self.columns, key, text, "Name a column or derive the field, not both."
            )
            _check_formula(key, text, example)

    def _check_orders(self) -> None:
        for key, allowed in (
            ("absent", DISPENSABLE_FIELDS),
            ("once_per_order", ONCE_PER_ORDER_FIELDS),
        ):
            names = getattr(self, key)
            example = f"Write a list; allowed are: {', '.join(allowed)}."
            _require(isinstance(names, list | tuple), key, names, example)
            for name in names:
                _require(name in allowed, key, name, example)
        for name in self.absent:
            is_named = name in self.columns or name in self.derived
            _require(not is_named, "absent", name, "Name a column or say it is absent, not both.")
        of_orders = (self.order_amount, self.order_discount, self.order_id)
        needs_orders = bool(self.once_per_order or self.order_refund) or any(
            value is not None for value in of_orders
        )
        _require(
            not (needs_orders and "invoice_no" in self.absent),
            "absent",
            "invoice_no",
            "Lines can only be taken together by the invoice number that the file states.",
        )
        if self.order_amount is not None:
            example = "Write `order_amount: 'Subtotal - \"Order Discount\"'`."
            _check_formula("order_amount", self.order_amount, example)
        if self.order_discount is not None:
            example = "Write `order_discount: '\"Discount Amount\"'`."
            _check_formula("order_discount", self.order_discount, example)
        _require(
            self.order_id is None or (isinstance(self.order_id, str) and bool(self.order_id)),
            "order_id",
            self.order_id,
            "Give the column's name in the file, in quotes.",
        )
        example = (
            "Write `order_refund: {amount: Refunded, subtotal: Subtotal, tax: Taxes}`; the amount "
            "has to be there."
        )
        _require(
            isinstance(self.order_refund, Mapping)
            and (not self.order_refund or "amount" in self.order_refund),
            "order_refund",
            self.order_refund,
            example,
        )
        for part, text in self.order_refund.items():
            _require(part in REFUND_PARTS, "order_refund", part, example)
            _check_formula(f"order_refund.{part}", text, example)

    def _check_records(self) -> None:
        example = "Write a list of columns, such as `optional: [Phone]`."
        _require(isinstance(self.optional, list | tuple), "optional", self.optional, example)
        named = [
            one
            for column in self.columns.values()
            for one in ([column] if isinstance(column, str) else column)
        ]
        for column in self.optional:
            hint = "Name columns of `columns`, as they stand there."
            _require(column in named, "optional", column, hint)
        example = "Write `only: {Type: [Item, Refund]}`."
        _require(isinstance(self.only, Mapping), "only", self.only, example)
        for column, words in self.only.items():
            _require(isinstance(column, str) and bool(column), "only", column, example)
            are_words = isinstance(words, list | tuple) and bool(words)
            _require(are_words and all(isinstance(w, str) for w in words), "only", words, example)
            _check_texts(f"only.{column}", words)

    def _check_words(self) -> None:
        for key in ("zero_if_blank", "credit_notes"):
            words = getattr(self, key)
            hint = f"Write a list of texts, such as `{key}: [Discount]`."
            _require(isinstance(words, list | tuple), key, words, hint)
            for word in words:
                _require(isinstance(word, str) and bool(word.strip()), key, word, hint)
        has_status = not self.credit_notes or "status" in self.columns
        hint = "Name the column of these words: `columns: {status: …}`."
        _require(has_status, "credit_notes", self.credit_notes, hint)

    def _check_files(self) -> None:
        example = (
            "Write the file of the lines first, and for each further one by what it is joined: "
            "`files: {lines: {file: items.csv}, orders: {file: orders.csv, key: order_id}}`."
        )
        _require(isinstance(self.files, Mapping), "files", self.files, example)
        _require(not self.files or 1 < len(self.files) <= MAX_FILES, "files", self.files, example)
        for at, (name, stated) in enumerate(self.files.items()):
            is_name = isinstance(name, str) and re.fullmatch(r"[^\W\d]\w*", name) is not None
            _require(is_name, "files", name, "Give each file a name of letters.")
            _require(isinstance(stated, Mapping), f"files.{name}", stated, example)
            for key, value in stated.items():
                where = f"files.{name}.{key}"
                _require(
                    key in FILE_KEYS[: len(FILE_KEYS) if at else 2], f"files.{name}", key, example
                )
                if key == "file":
                    is_plain = isinstance(value, str) and Path(value).name == value != ".."
                    hint = "Give the name of a file beside the others, without a path."
                    _require(is_plain, where, value, hint)
                elif key == "sheet":
                    is_named = isinstance(value, str) and bool(value)
                    _require(is_named, where, value, "Give the name of a sheet.")
                else:
                    names = as_list(value)
                    are_names = all(isinstance(one, str) and one for one in names)
                    fits = 1 <= len(names) <= MAX_KEYS
                    _require(are_names and fits, where, value, "Name a column, or a few of them.")
            if at:
                _require({"file", "key"} <= stated.keys(), f"files.{name}", stated, example)
                matches = as_list(stated.get("matches", stated["key"]))
                hint = "Name as many columns as in the key, in the same order."
                fits = len(matches) == len(as_list(stated["key"]))
                _require(fits, f"files.{name}.matches", matches, hint)

    def as_dict(self) -> dict[str, Any]:
        """Return how files are read, as plain values for the manifest, without the rules."""
        content: dict[str, Any] = json.loads(json.dumps({**asdict(self), "rules": None}))
        return content


def read_mapping(path: Path) -> SourceMapping:
    r"""Read mapping.yml.

    Parameters
    ----------
    path : Path
        A YAML file with the keys of `SourceMapping`.

    Returns
    -------
    SourceMapping

    Raises
    ------
    CustomerIntelligenceError
        E_NOT_FOUND when there is no such file, E_BAD_MAPPING when it cannot be read or says
        something unknown.

    Examples
    --------
    >>> _ = Path("mapping.yml").write_text("columns: {invoice_no: Beleg}\ndates: dmy\n")
    >>> read_mapping(Path("mapping.yml")).columns
    {'invoice_no': 'Beleg'}
    """
    if not path.exists():
        raise CustomerIntelligenceError(
            "E_NOT_FOUND",
            f"The mapping {path.resolve()} does not exist.",
            "Check its name, or leave the mapping out.",
        )
    return mapping_of(read_yaml(path, "E_BAD_MAPPING"), path.name)


def mapping_of(content: Mapping[str, Any], name: str) -> SourceMapping:
    """Return the mapping that a file of this name holds.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_MAPPING, with the name.
    """
    stated = {key: value for key, value in content.items() if value is not None}
    known = tuple(SourceMapping.__dataclass_fields__)
    for key in stated:
        if key not in known:
            raise CustomerIntelligenceError(
                "E_BAD_MAPPING",
                f"{name} has the key {shortened(key)}, which means nothing.",
                f"Keys are: {', '.join(known)}.",
            )
    try:
        return SourceMapping(**stated)
    except CustomerIntelligenceError as error:
        raise CustomerIntelligenceError(error.code, f"{name}: {error.what}", error.hint) from error


def as_list(value: object) -> list[Any]:
    """Return the values of a key that may hold one or a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def shortened(value: object) -> str:
    """Return a value of a mapping as a message shows it."""
    return shorten(repr(value), SHOWN_CHARS)


def _is_date_format(text: str) -> bool:
    if "%" not in text:
        return False
    with connect() as connection:
        try:
            connection.execute("select try_strptime('', ?)", [text])
        except duckdb.InvalidInputException:
            return False
    return True


def _is_text_encoding(encoding: str) -> bool:
    try:
        "".encode(encoding)
        codecs.lookup(encoding)
    except (LookupError, ValueError):
        return False
    return True


def _check_formula(key: str, text: object, example: str) -> None:
    _require(isinstance(text, str), key, text, "Write it in quotes.")
    try:
        parse(str(text))
    except ValueError as error:
        what = f"The mapping's {key} does not allow {shortened(text)}: {error}."
        raise CustomerIntelligenceError("E_BAD_MAPPING", what, example) from error


def _check_texts(key: str, value: object) -> None:
    """Refuse texts with control characters and texts that are too long."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            _check_texts(f"{key}.{name}", part)
    elif isinstance(value, list | tuple):
        for part in value:
            _check_texts(key, part)
    elif isinstance(value, str):
        is_sound = len(value) <= MAX_TEXT_CHARS and "\0" not in value
        hint = f"Write a text of at most {MAX_TEXT_CHARS:,} characters, without NUL."
        _require(is_sound, key, value, hint)


def _require(condition: bool, key: str, value: object, hint: str) -> None:
    if not condition:
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING", f"The mapping's {key} does not allow {shortened(value)}.", hint
        )
