"""Which source column is which field: built-in aliases, and what mapping.yml says on top."""

import codecs
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from customer_intelligence.errors import CustomerIntelligenceError

REQUIRED_FIELDS = (
    "invoice_no",
    "stock_code",
    "quantity",
    "invoice_date",
    "unit_price",
    "customer_id",
)
OPTIONAL_FIELDS = ("description", "country")
FIELDS = REQUIRED_FIELDS + OPTIONAL_FIELDS

# Compared without case, blanks, underscores, hyphens and dots.
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
    "customer_id": ("customerid", "customer", "customerno", "customernumber", "clientid"),
    "country": ("country", "customercountry", "shippingcountry"),
}

# Fragments that make an unrecognised column plausible enough to be suggested, never to be used.
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    "invoice_no": ("invoice", "order", "receipt", "transaction"),
    "stock_code": ("sku", "stock", "article", "product", "item"),
    "quantity": ("qty", "quant", "units", "pieces"),
    "invoice_date": ("created", "date", "time", "day"),
    "unit_price": ("price", "unitcost"),
    "customer_id": ("cust", "client", "buyer", "user", "email"),
}

CURRENCY_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹"}
DATE_ORDERS = ("ymd", "mdy", "dmy")
THOUSANDS = (",", ".", " ", "'", "\u00a0", "\u202f")


@dataclass(frozen=True)
class SourceMapping:
    """What a person said about a source file; everything else is found out or refused.

    Parameters
    ----------
    columns : dict of str to str
        Field name to the column's name in the file, for columns the aliases do not know.
    encoding : str, optional
        Python codec name of a text file.
    dates : str, optional
        ``ymd``, ``mdy``, ``dmy`` or a strptime format; applies to dates stored as text.
    decimal, thousands : str
        Marks within numbers stored as text; no thousands mark by default.
    currency : str, optional
        ISO 4217 code; with it, the code or its symbol may stand at either end of a price.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    dates: str | None = None
    decimal: str = "."
    thousands: str | None = None
    currency: str | None = None

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
            _require(
                isinstance(column, str) and bool(column),
                f"columns.{name}",
                column,
                "Give the column's name in the file, in quotes.",
            )
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

    def as_dict(self) -> dict[str, Any]:
        """Return the mapping as plain values for the manifest."""
        return asdict(self)


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
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"{path.name} cannot be read as YAML: {reason}.",
            "Mend the file, or leave the mapping out.",
        ) from error
    content = {} if content is None else content
    _require(isinstance(content, dict), path.name, content, "Write `key: value` lines.")
    known = tuple(SourceMapping.__dataclass_fields__)
    for key in content:
        _require(key in known, path.name, key, f"Keys are: {', '.join(known)}.")
    return SourceMapping(**{key: value for key, value in content.items() if value is not None})


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
        Field to 0-based position; absent optional fields are left out.

    Raises
    ------
    CustomerIntelligenceError
        E_MISSING_COLUMNS or E_DUPLICATE_COLUMNS, with the header found.
    """
    found: dict[str, list[int]] = {field_name: [] for field_name in FIELDS}
    missing: dict[str, str | None] = {}
    claimed = {_normalise(column) for column in mapping.columns.values()}
    for field_name in FIELDS:
        wanted = mapping.columns.get(field_name)
        names = ALIASES[field_name] if wanted is None else (_normalise(wanted),)
        for position, column in enumerate(header):
            normal = _normalise(column)
            # A column the mapping gives to one field is not taken by another's alias as well.
            if normal in names and (wanted is not None or normal not in claimed):
                found[field_name].append(position)
        if not found[field_name] and (field_name in REQUIRED_FIELDS or wanted is not None):
            missing[field_name] = wanted
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
    return {field_name: positions[0] for field_name, positions in found.items() if positions}


def _missing_columns(
    missing: Mapping[str, str | None],
    header: Sequence[str],
    found: Mapping[str, Sequence[int]],
    name: str,
) -> CustomerIntelligenceError:
    taken = {position for positions in found.values() for position in positions}
    free = [column for position, column in enumerate(header) if position not in taken]
    suggestions: dict[str, str] = {}
    for field_name in missing:
        column = _suggestion(field_name, free)
        if column is not None:
            suggestions[field_name] = column
            free.remove(column)
    wanted = ", ".join(
        f'"{field_name}"' if column is None else f'"{field_name}" (mapped to "{column}")'
        for field_name, column in missing.items()
    )
    pairs = ", ".join(
        f"{field_name}: {suggestions.get(field_name, '<column>')}" for field_name in missing
    )
    noun = "Column" if len(missing) == 1 else "Columns"
    return CustomerIntelligenceError(
        "E_MISSING_COLUMNS",
        f"{noun} for {wanted} not found in {name}. Found: {_listed(header)}.",
        f"Set `columns: {{{pairs}}}` in mapping.yml.",
    )


def _suggestion(field_name: str, free: Sequence[str]) -> str | None:
    for fragment in PLAUSIBLE.get(field_name, ()):
        for column in free:
            if fragment in _normalise(column):
                return column
    close = difflib.get_close_matches(
        field_name.replace("_", ""), [_normalise(column) for column in free], n=1, cutoff=0.75
    )
    return next((column for column in free if close and _normalise(column) == close[0]), None)


def _normalise(column: str) -> str:
    return re.sub(r"[\s_.\-]+", "", column).casefold()


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
