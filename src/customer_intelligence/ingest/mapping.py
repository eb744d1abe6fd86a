"""Which source column is which field: built-in aliases, and what mapping.yml says on top."""

import codecs
import difflib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.derived import Expression, column_names, parse
from customer_intelligence.ingest.rules import check_rules
from customer_intelligence.ingest.yaml_files import read_yaml

REQUIRED_FIELDS = ("invoice_no", "stock_code", "quantity", "invoice_date", "customer_id")
# One of these says what a line costs; where both are given, both are kept.
MONEY_FIELDS = ("unit_price", "line_amount")
FIELDS = (*REQUIRED_FIELDS, *MONEY_FIELDS, "description", "country", "cancelled", "currency")
DERIVABLE_FIELDS = ("quantity", *MONEY_FIELDS)
# What a shop may do without, when its mapping says so.
DISPENSABLE_FIELDS = ("invoice_no", "stock_code", "quantity")
# Fields whose column may be blank in favour of another one.
FALLBACK_FIELDS = ("stock_code", "description", "country")
ONCE_PER_ORDER_FIELDS = ("invoice_date", "customer_id", "country", "cancelled", "currency")

# Compared without case, blanks, underscores, hyphens, dots and invisible marks.
ALIASES: dict[str, tuple[str, ...]] = {
    "invoice_no": (
        "invoiceno",
        "invoice",
        "invoicenumber",
        "invoiceid",
        "orderid",
        "orderno",
        "ordernumber",
    ),
    "stock_code": ("stockcode", "sku", "productcode", "productid", "itemcode", "itemid"),
    "description": (
        "description",
        "productname",
        "productdescription",
        "itemname",
        "itemdescription",
    ),
    "quantity": ("quantity", "qty", "units"),
    "invoice_date": (
        "invoicedate",
        "invoicedat",
        "invoicedatetime",
        "orderdate",
        "orderedat",
        "orderdatetime",
    ),
    "unit_price": ("unitprice", "price", "priceperunit", "itemprice"),
    # Without a unit price only. A bare "total" may be that of the order, so it is no alias.
    "line_amount": (
        "lineamount",
        "linetotal",
        "linetotalprice",
        "lineprice",
        "linevalue",
        "extendedprice",
        "extendedamount",
        "itemtotal",
        "totalprice",
    ),
    "customer_id": ("customerid", "customer", "customerno", "customernumber", "clientid"),
    "country": ("country", "customercountry", "shippingcountry"),
    # Both change what counts: a mapping has to name them.
    "cancelled": (),
    "currency": (),
}

# Fragments that make an unrecognised column plausible enough to be suggested, never to be used.
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    "invoice_no": ("invoice", "order", "receipt", "transaction"),
    "stock_code": ("sku", "stock", "article", "product", "item"),
    "quantity": ("qty", "quant", "units", "pieces"),
    "invoice_date": ("created", "date", "time", "day"),
    "unit_price": ("price", "unitcost"),
    "line_amount": ("total", "amount", "revenue", "sales"),
    "customer_id": ("cust", "client", "buyer", "user", "email"),
}

CURRENCY_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹"}
PRESETS = Path(__file__).parent / "presets"
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
        self._check_derived()
        self._check_orders()
        _require(
            "currency" not in self.rules, "rules", "currency", "Write `currency:` outside rules."
        )
        check_rules(self.rules, "The mapping's rules", "E_BAD_MAPPING")
        for name in ("encoding", "dates", "decimal", "thousands", "currency"):
            value = getattr(self, name)
            _require(value is None or isinstance(value, str), name, value, "Write it in quotes.")
        _require(
            self.encoding is None or _is_text_encoding(self.encoding),
            "encoding",
            self.encoding,
            "Use a codec name such as utf-8, latin-1 or cp1252.",
        )
        _require(
            self.dates is None or self.dates in DATE_ORDERS or "%" in self.dates,
            "dates",
            self.dates,
            "Use ymd, mdy, dmy or a strptime format such as '%d.%m.%Y %H:%M'.",
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
                    f"The mapping's {key} does not allow {text!r}: {error}.",
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
                    f"The mapping's order_amount does not allow {self.order_amount!r}: {error}.",
                    example,
                ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return how files are read, as plain values for the manifest; rules are not of it."""
        return json.loads(json.dumps({**asdict(self), "rules": None}))


def find_mapping(name: str) -> SourceMapping:
    """Return the preset of this name, or else read the mapping file of this name.

    Parameters
    ----------
    name : str
        A preset of `preset_names`, or the path of a file.

    Raises
    ------
    CustomerIntelligenceError
        As `read_mapping` does.
    """
    if name in preset_names():
        return preset(name)
    path = Path(name)
    if not path.exists():
        raise CustomerIntelligenceError(
            "E_NOT_FOUND",
            f"The mapping {path.resolve()} does not exist.",
            f"Check its name, name a preset ({', '.join(preset_names())}), or leave it out.",
        )
    return read_mapping(path)


def preset_names() -> list[str]:
    """Return the names of the mappings that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yml"))


def preset(name: str) -> SourceMapping:
    """Return a mapping that comes with the package."""
    return _mapping({**_yaml(PRESETS / f"{name}.yml"), "header": None}, f"{name}.yml")


def matching_preset(header: Sequence[str]) -> str | None:
    """Return the name of the preset whose ``header`` is part of a file's header.

    The names must be spelled as the preset spells them: names such as invoice_no are anybody's,
    and the rules of one shop must not reach another.
    """
    names = {column.strip() for column in header}
    for name in preset_names():
        if names.issuperset(_yaml(PRESETS / f"{name}.yml")["header"]):
            return name
    return None


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
    return _mapping(_yaml(path), path.name)


def _yaml(path: Path) -> dict[str, Any]:
    return read_yaml(path, "E_BAD_MAPPING")


def _mapping(content: Mapping[str, Any], name: str) -> SourceMapping:
    stated = {key: value for key, value in content.items() if value is not None}
    known = tuple(SourceMapping.__dataclass_fields__)
    for key in stated:
        _require(key in known, name, key, f"Keys are: {', '.join(known)}.")
    return SourceMapping(**stated)


def resolve_columns(header: Sequence[str], mapping: SourceMapping, name: str) -> dict[str, int]:
    """Find the position of every field in the header.

    Parameters
    ----------
    header : sequence of str
        Column names as they stand in the file.
    mapping : SourceMapping
        Names that take precedence over the aliases.
    name : str
        File name, for messages.

    Returns
    -------
    dict of str to int
        Field to 0-based position; derived and absent fields are left out.

    Raises
    ------
    CustomerIntelligenceError
        E_MISSING_COLUMNS or E_DUPLICATE_COLUMNS, with the header found; E_BAD_MAPPING from
        `resolve_derived`.
    """
    claimed = {
        normalise(column)
        for field_name in mapping.columns
        for column in _named(mapping, field_name)
    }
    found = {
        field_name: _positions(field_name, header, mapping, claimed)
        for field_name in FIELDS
        if field_name not in mapping.derived and field_name not in mapping.absent
    }
    if found.get("unit_price") and "line_amount" not in mapping.columns:
        found["line_amount"] = []
    missing = {
        field_name: next(iter(_named(mapping, field_name)), None)
        for field_name, positions in found.items()
        if not positions and (field_name in REQUIRED_FIELDS or field_name in mapping.columns)
    }
    states_amount = bool(found.get("line_amount")) or "line_amount" in mapping.derived
    if not states_amount and "line_amount" not in missing:
        if not found.get("unit_price") and "unit_price" not in mapping.derived:
            missing.setdefault("unit_price", None)
        if "quantity" in mapping.absent:
            missing.setdefault("line_amount", None)
    if missing:
        raise _missing_columns(missing, header, found, name)
    for field_name, positions in found.items():
        if len(positions) > 1:
            names = " and ".join(f'"{header[position]}"' for position in positions)
            raise CustomerIntelligenceError(
                "E_DUPLICATE_COLUMNS",
                f'Several columns could be "{field_name}" in {name}: {names}. '
                f"Found: {_listed(header)}.",
                f"Rename one of them, or set `columns: {{{field_name}: …}}` in mapping.yml.",
            )
    resolve_derived(header, mapping, name)
    resolve_order_amount(header, mapping, name)
    resolve_fallbacks(header, mapping, name)
    return {field_name: positions[0] for field_name, positions in found.items() if positions}


def resolve_fallbacks(
    header: Sequence[str], mapping: SourceMapping, name: str
) -> dict[str, list[int]]:
    """Find the columns that stand in where the first one of a field is blank.

    Returns
    -------
    dict of str to list of int
        Field to 0-based positions, in order, for fields with several columns.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_MAPPING when there is no such column, or more than one, with the header found.
    """
    return {
        field_name: [
            _position_of(column, header, name, f"columns.{field_name}") for column in named[1:]
        ]
        for field_name in mapping.columns
        if len(named := _named(mapping, field_name)) > 1
    }


def used_positions(
    columns: Mapping[str, int], header: Sequence[str], mapping: SourceMapping, name: str
) -> set[int]:
    """Return the positions of all columns that are read into fields."""
    used = set(columns.values())
    used.update(*resolve_fallbacks(header, mapping, name).values())
    order_amount = resolve_order_amount(header, mapping, name)
    for _, positions in (
        *resolve_derived(header, mapping, name).values(),
        *([] if order_amount is None else [order_amount]),
    ):
        used.update(positions.values())
    return used


def resolve_order_amount(
    header: Sequence[str], mapping: SourceMapping, name: str
) -> tuple[Expression, dict[str, int]] | None:
    """Find the columns of ``order_amount``; raises as `resolve_derived`."""
    if mapping.order_amount is None:
        return None
    return _resolve_expression(mapping.order_amount, header, name, "order_amount")


def resolve_derived(
    header: Sequence[str], mapping: SourceMapping, name: str
) -> dict[str, tuple[Expression, dict[str, int]]]:
    """Find the columns that the derived fields are worked out from.

    Returns
    -------
    dict of str to tuple
        Field to its expression and to the 0-based position of each column in it.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_MAPPING when there is no such column, or more than one, with the header found.
    """
    return {
        field_name: _resolve_expression(text, header, name, f"derived.{field_name}")
        for field_name, text in mapping.derived.items()
    }


def _resolve_expression(
    text: str, header: Sequence[str], name: str, key: str
) -> tuple[Expression, dict[str, int]]:
    expression = parse(text)
    return expression, {
        wanted: _position_of(wanted, header, name, key) for wanted in column_names(expression)
    }


def _position_of(wanted: str, header: Sequence[str], name: str, key: str) -> int:
    matches = [at for at, column in enumerate(header) if column == wanted] or [
        at for at, column in enumerate(header) if normalise(column) == normalise(wanted)
    ]
    if len(matches) != 1:
        count = "Several columns" if matches else "No column"
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f'{count} of {name} can be "{wanted}", which the mapping\'s {key} names. '
            f"Found: {_listed(header)}.",
            "Write the name as it stands in the file, in double quotes.",
        )
    return matches[0]


def _named(mapping: SourceMapping, field_name: str) -> list[str]:
    """Return the columns that a mapping names for a field."""
    column = mapping.columns.get(field_name, [])
    return [column] if isinstance(column, str) else list(column)


def _positions(
    field_name: str, header: Sequence[str], mapping: SourceMapping, claimed: set[str]
) -> list[int]:
    wanted = next(iter(_named(mapping, field_name)), None)
    names = ALIASES[field_name] if wanted is None else (normalise(wanted),)
    return [
        position
        for position, column in enumerate(header)
        # A column the mapping gives to one field is not taken by another's alias as well.
        if normalise(column) in names and (wanted is not None or normalise(column) not in claimed)
    ]


def _missing_columns(
    missing: Mapping[str, str | None],
    header: Sequence[str],
    found: Mapping[str, Sequence[int]],
    name: str,
) -> CustomerIntelligenceError:
    taken = {position for positions in found.values() for position in positions}
    free = [column for position, column in enumerate(header) if position not in taken]
    pairs, wanted = [], []
    for field_name, column in missing.items():
        is_price = field_name == "unit_price" and column is None
        candidates = MONEY_FIELDS if is_price else (field_name,)
        suggestions = [(candidate, _suggestion(candidate, free)) for candidate in candidates]
        suggested, suggestion = next((pair for pair in suggestions if pair[1]), (field_name, None))
        if suggestion is not None:
            free.remove(suggestion)
        pairs.append(f"{suggested}: {suggestion or '<column>'}")
        wanted.append(
            " or ".join(f'"{candidate}"' for candidate in candidates)
            + ("" if column is None else f' (mapped to "{column}")')
        )
    noun = "Column" if len(missing) == 1 else "Columns"
    return CustomerIntelligenceError(
        "E_MISSING_COLUMNS",
        f"{noun} for {', '.join(wanted)} not found in {name}. Found: {_listed(header)}.",
        f"Set `columns: {{{', '.join(pairs)}}}` in mapping.yml. `make check-data` drafts it.",
    )


def _suggestion(field_name: str, free: Sequence[str]) -> str | None:
    for fragment in PLAUSIBLE.get(field_name, ()):
        for column in free:
            if fragment in normalise(column):
                return column
    close = difflib.get_close_matches(
        field_name.replace("_", ""), [normalise(column) for column in free], n=1, cutoff=0.75
    )
    return next((column for column in free if close and normalise(column) == close[0]), None)


def is_unique(name: str, header: Sequence[str]) -> bool:
    """Tell whether no other column of the header would be taken for the one of this name."""
    return sum(normalise(column) == normalise(name) for column in header) == 1


def normalise(column: str) -> str:
    """Return the name of a column without what may differ: case, blanks, marks."""
    # Marks such as a zero-width space are not seen, and not meant.
    seen = "".join(sign for sign in column if unicodedata.category(sign) != "Cf")
    return re.sub(r"[\s_.\-]+", "", seen).casefold()


def _listed(header: Sequence[str]) -> str:
    """Return the header for a message, shortened when it is no header at all."""
    names = [name if len(name) <= 40 else name[:39] + "…" for name in header[:40]]
    shown = ", ".join(repr(name)[1:-1] for name in names)
    return f"{shown}, … ({len(header)} columns)" if len(header) > 40 else shown


def _is_text_encoding(encoding: str) -> bool:
    try:
        "".encode(encoding)
        codecs.lookup(encoding)
    except (LookupError, UnicodeError):
        return False
    return True


def _require(condition: bool, key: str, value: object, hint: str) -> None:
    if not condition:
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING", f"The mapping's {key} does not allow {value!r}.", hint
        )
