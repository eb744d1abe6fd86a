"""What a person says of a file and its shop: the keys of mapping.yml and what they allow."""

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
from customer_intelligence.ingest.files import shorten
from customer_intelligence.ingest.rules import check_rules
from customer_intelligence.ingest.yaml_files import read_yaml

REQUIRED_FIELDS = ("invoice_no", "stock_code", "quantity", "invoice_date", "customer_id")
# One of these says what a line costs; where both are given, both are kept.
MONEY_FIELDS = ("unit_price", "line_amount")
FIELDS = (
    *(*REQUIRED_FIELDS, *MONEY_FIELDS, "description", "country"),
    *("cancelled", "currency", "consent"),
)
DERIVABLE_FIELDS = ("quantity", *MONEY_FIELDS)
# What a shop may do without, when its mapping says so.
DISPENSABLE_FIELDS = ("invoice_no", "stock_code", "quantity")
# Fields whose column may be blank in favour of another one.
FALLBACK_FIELDS = ("stock_code", "description", "country")
ONCE_PER_ORDER_FIELDS = (
    *("invoice_date", "customer_id", "country", "cancelled", "currency"),
    "consent",
)
# Yes in such a column means no.
REFUSAL_COLUMN = re.compile(
    r"unsubscri|opt(ed)?[ _-]*out|(do[ _-]*not|don'?t|no)[ _-]*(contact|e?-?mail|market|call)"
    r"|suppress|refus|blacklist|black ?list|block(ed|list)|abgemeldet|abbestellt|widerruf|widerspr"
    r"|d[ée]sabonn|d[ée]sinscri|baja\b|descadastr",
    re.IGNORECASE,
)

CURRENCY_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹"}
SHOWN_CHARS = 200
MAX_TEXT_CHARS = 1_000
DATE_ORDERS = ("ymd", "mdy", "dmy")
THOUSANDS = (",", ".", " ", "'", "\u00a0", "\u202f")


@dataclass(frozen=True)
class SourceMapping:
    """What a person said about a source file; everything else is found out or refused.

    Parameters
    ----------
    columns : dict of str to str or list of str
        Field name to the column's name in the file, for columns the aliases do not know. Stock
        code, description and country may have several: the first that is filled counts.
    derived : dict of str to str
        Quantity, unit price or line amount to the arithmetic that gives it, such as
        ``'"Line Total" / Quantity'`` (see `customer_intelligence.ingest.derived`).
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
        ``stock_code``, ``quantity`` or ``invoice_no`` where the file has none: a line is then
        of no product in particular, or one unit; what a customer bought at one time is an
        invoice, with a number that only this file knows.
    once_per_order : list of str
        Fields that an order states on its first line only; blank ones take that value.
    order_amount : str, optional
        Arithmetic over columns that gives what the lines of an order add up to. It is divided
        among them in proportion to their own amounts.
    rules : dict
        What the shop's codes, invoice numbers and signs mean, for the ``shop.yml`` that the first
        load writes (see `customer_intelligence.ingest.rules`).
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
    rules: Mapping[str, Any] = field(default_factory=dict)

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
            several = name in FALLBACK_FIELDS and isinstance(column, list) and bool(column)
            for one in column if several else [column]:
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
        for name in ("columns", "derived", "encoding", "dates", "timezone", "order_amount"):
            _check_texts(name, getattr(self, name))
        self._check_derived()
        self._check_orders()
        _require(
            "currency" not in self.rules, "rules", "currency", "Write `currency:` outside rules."
        )
        check_rules(self.rules, "The mapping's rules", "E_BAD_MAPPING")
        for name in ("encoding", "dates", "timezone", "decimal", "thousands", "currency"):
            value = getattr(self, name)
            _require(value is None or isinstance(value, str), name, value, "Write it in quotes.")
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
            _require(isinstance(text, str), key, text, "Write it in quotes.")
            _require(
                name not in self.columns, key, text, "Name a column or derive the field, not both."
            )
            try:
                parse(text)
            except ValueError as error:
                raise CustomerIntelligenceError(
                    "E_BAD_MAPPING",
                    f"The mapping's {key} does not allow {shortened(text)}: {error}.",
                    example,
                ) from error

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
        needs_orders = bool(self.once_per_order) or self.order_amount is not None
        _require(
            not (needs_orders and "invoice_no" in self.absent),
            "absent",
            "invoice_no",
            "Lines can only be taken together by the invoice number that the file states.",
        )
        if self.order_amount is not None:
            example = "Write `order_amount: 'Subtotal - \"Refunded Amount\"'`."
            _require(isinstance(self.order_amount, str), "order_amount", self.order_amount, example)
            try:
                parse(self.order_amount)
            except ValueError as error:
                raise CustomerIntelligenceError(
                    "E_BAD_MAPPING",
                    f"The mapping's order_amount does not allow "
                    f"{shortened(self.order_amount)}: {error}.",
                    example,
                ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return how files are read, as plain values for the manifest; rules are not of it."""
        return json.loads(json.dumps({**asdict(self), "rules": None}))


def read_mapping(path: Path) -> SourceMapping:
    """Read mapping.yml.

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


def _check_texts(key: str, value: object) -> None:
    """Refuse texts that no column, format or formula has: control characters, endless ones."""
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
