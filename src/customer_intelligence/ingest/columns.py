"""The mapping of columns to fields: built-in aliases, and the keys of a mapping."""

import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.derived import Expression, column_names, parse
from customer_intelligence.ingest.fields import FIELDS, JOINED_FIELDS, MONEY_FIELDS, REQUIRED_FIELDS
from customer_intelligence.ingest.files import SHOWN_NAMES, shorten
from customer_intelligence.ingest.mapping import SourceMapping

# Every record is one row of as many values, and a quarantined one keeps them all.
MAX_COLUMNS = 2_500
# A longer one is no name that somebody gave to a column, and none to suggest.
LONGEST_NAME = 200
# Below a title, or on a sheet that is no table, a longer row is taken for no header.
LONGEST_HEADER = 1 << 16
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
    # They change what counts: a mapping has to name them.
    "cancelled": (),
    "currency": (),
    "status": (),
    "refunded_amount": (),
    "refunded_at": (),
    # Whoever refused is not contacted, whether or not a mapping names the column.
    "consent": (
        "consent",
        "marketingconsent",
        "emailmarketingconsent",
        "emailconsent",
        "acceptsmarketing",
        "buyeracceptsmarketing",
        "acceptsemailmarketing",
        "marketingoptin",
        "emailoptin",
        "optin",
    ),
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


@dataclass(frozen=True)
class Formula:
    """Arithmetic over columns: the expression, and the position of each column in it."""

    expression: Expression
    positions: Mapping[str, int]


@dataclass(frozen=True)
class Columns:
    """Which columns of a file hold which field; positions count from 0."""

    positions: Mapping[str, tuple[int, ...]]
    """Field to its column, then those that stand in where it is blank."""
    derived: Mapping[str, Formula] = field(default_factory=dict)
    """Fields that are worked out."""
    order_amount: Formula | None = None
    """What the lines of an order add up to."""
    order_refund: Mapping[str, Formula] = field(default_factory=dict)
    """What was paid back of an order, and what its goods and their tax came to."""
    order_discount: Formula | None = None
    """What was taken off an order."""
    order_id: int | None = None
    """Column that tells orders of one number apart."""
    only: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Column to the words of records that are lines."""
    zeros: frozenset[int] = frozenset()
    """Columns of numbers in which a blank is nothing."""
    rival_amount: int | None = None
    """Column that seems to say what a line costs, beside a price that is read."""

    def __contains__(self, name: object) -> bool:
        """Return whether a field is read from a column or computed."""
        return name in self.positions or name in self.derived

    def first(self, name: str) -> int | None:
        """Return the position of a field's own column."""
        return self.positions[name][0] if name in self.positions else None

    def firsts(self, *names: str) -> set[int]:
        """Return the positions of the own columns of those of the fields that have one."""
        return {self.positions[name][0] for name in names if name in self.positions}

    @cached_property
    def used(self) -> frozenset[int]:
        """Positions of all columns that are read into fields."""
        formulas = [
            *self.derived.values(),
            *filter(None, [self.order_amount, self.order_discount]),
            *self.order_refund.values(),
        ]
        read = [*self.positions.values(), *(formula.positions.values() for formula in formulas)]
        read += [self.only, () if self.order_id is None else (self.order_id,)]
        return frozenset(position for positions in read for position in positions)


def resolve_columns(header: Sequence[str], mapping: SourceMapping, name: str) -> Columns:
    """Find every field in the header.

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
    Columns

    Raises
    ------
    CustomerIntelligenceError
        E_TOO_WIDE; E_MISSING_COLUMNS or E_DUPLICATE_COLUMNS, with the header found; E_BAD_MAPPING
        when there is no column, or more than one, that an expression or a further column of a
        field names.
    """
    if len(header) > MAX_COLUMNS:
        raise CustomerIntelligenceError(
            "E_TOO_WIDE",
            f"{name} has {len(header):,} columns; allowed are {MAX_COLUMNS:,}.",
            "Export the columns that say what was sold, when, to whom and for how much.",
        )
    mapping = without_absent(header, mapping)
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
    rivals = []
    if found.get("unit_price") and "line_amount" not in mapping.columns:
        rivals, found["line_amount"] = found.get("line_amount", []), []
    missing = _missing_fields(found, mapping)
    if missing:
        raise _missing_columns(missing, header, found, name)
    for field_name, positions in found.items():
        if len(positions) > 1:
            names = " and ".join(f'"{shorten(header[position])}"' for position in positions)
            raise CustomerIntelligenceError(
                "E_DUPLICATE_COLUMNS",
                f'Several columns could be "{field_name}" in {name}: {names}. '
                f"Found: {_listed(header)}.",
                f"Rename one of them, or set `columns: {{{field_name}: …}}` in mapping.yml.",
            )

    def formula(text: str, key: str) -> Formula:
        expression = parse(text)
        names = column_names(expression)
        return Formula(expression, {at: position_of(at, header, name, key) for at in names})

    derived = {
        field_name: formula(text, f"derived.{field_name}")
        for field_name, text in mapping.derived.items()
    }
    order_amount = mapping.order_amount and formula(mapping.order_amount, "order_amount")
    order_discount = mapping.order_discount and formula(mapping.order_discount, "order_discount")
    order_refund = {
        part: formula(text, f"order_refund.{part}") for part, text in mapping.order_refund.items()
    }
    further = {
        field_name: [
            position_of(column, header, name, f"columns.{field_name}")
            for column in _named(mapping, field_name)[1:]
            # What not every export of a kind has says something more where it is there.
            if field_name not in JOINED_FIELDS or not is_absent(column, header)
        ]
        for field_name in found
    }
    return Columns(
        {
            field_name: (*positions, *further[field_name])
            for field_name, positions in found.items()
            if positions
        },
        derived,
        order_amount or None,
        order_refund,
        order_discount or None,
        None
        if mapping.order_id is None or is_absent(mapping.order_id, header)
        else position_of(mapping.order_id, header, name, "order_id"),
        {
            position_of(column, header, name, "only"): tuple(words)
            for column, words in mapping.only.items()
        },
        zeros=frozenset(
            position_of(column, header, name, "zero_if_blank") for column in mapping.zero_if_blank
        ),
        rival_amount=rivals[0] if len(rivals) == 1 and mapping.order_amount is None else None,
    )


def without_absent(header: Sequence[str], mapping: SourceMapping) -> SourceMapping:
    """Return a mapping without the optional columns that a file does not have."""
    absent = {column for column in mapping.optional if is_absent(column, header)}
    if not absent:
        return mapping
    columns: dict[str, str | Sequence[str]] = {}
    for field_name in mapping.columns:
        if left := [column for column in _named(mapping, field_name) if column not in absent]:
            columns[field_name] = left[0] if len(left) == 1 else left
    return dataclasses.replace(
        mapping,
        columns=columns,
        optional=[column for column in mapping.optional if column not in absent],
    )


def names_fields(header: Sequence[str], mapping: SourceMapping) -> bool:
    """Return whether a row names the fields that every line needs; it gives no reason."""
    if len(header) > MAX_COLUMNS or sum(map(len, header)) > LONGEST_HEADER:
        return False
    mapping = without_absent(header, mapping)
    names = {normalise(column) for column in header}
    return all(
        names & ({normalise(column) for column in named[:1]} or set(ALIASES[field_name]))
        for field_name in (*REQUIRED_FIELDS, *mapping.columns)
        if field_name not in mapping.derived
        and field_name not in mapping.absent
        and (named := _named(mapping, field_name)) is not None
    )


def _missing_fields(
    found: Mapping[str, Sequence[int]], mapping: SourceMapping
) -> dict[str, str | None]:
    """Return the fields that have no column, with the name that the mapping gives it."""
    missing = {
        field_name: next(iter(_named(mapping, field_name)), None)
        for field_name, positions in found.items()
        if not positions and (field_name in REQUIRED_FIELDS or field_name in mapping.columns)
    }
    states_amount = bool(found.get("line_amount")) or "line_amount" in mapping.derived
    if not states_amount and "line_amount" not in missing:
        # Without a quantity, a price of one unit is no amount.
        if "quantity" in mapping.absent:
            missing.setdefault("line_amount", None)
        elif not found.get("unit_price") and "unit_price" not in mapping.derived:
            missing.setdefault("unit_price", None)
    return missing


def position_of(wanted: str, header: Sequence[str], name: str, key: str) -> int:
    """Return the position of the column that a key of the mapping names.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_MAPPING when there is no such column, or more than one.
    """
    matches = [at for at, column in enumerate(header) if column == wanted] or [
        at for at, column in enumerate(header) if normalise(column) == normalise(wanted)
    ]
    if len(matches) != 1:
        count = "Several columns" if matches else "No column"
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f'{count} of {name} can be "{shorten(wanted)}", which the mapping\'s {key} names. '
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
    free = [
        column
        for position, column in enumerate(header)
        if position not in taken and len(column) <= LONGEST_NAME
    ]
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
            + ("" if column is None else f' (mapped to "{shorten(column)}")')
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


def is_absent(name: str, header: Sequence[str]) -> bool:
    """Return whether no column of the header would be taken for the one of this name."""
    return all(normalise(column) != normalise(name) for column in header)


def is_unique(name: str, header: Sequence[str]) -> bool:
    """Return whether no other column of the header would be taken for the one of this name."""
    return sum(normalise(column) == normalise(name) for column in header) == 1


def normalise(column: str) -> str:
    """Return the name of a column without case, blanks and punctuation."""
    # Marks such as a zero-width space are not seen, and not meant.
    seen = "".join(sign for sign in column if unicodedata.category(sign) != "Cf")
    return re.sub(r"[\s_.*\-]+", "", seen).casefold()


def _listed(header: Sequence[str]) -> str:
    """Return the header for a message, shortened when it is no header at all."""
    names = [shorten(name) for name in header[:SHOWN_NAMES]]
    shown = ", ".join(repr(name)[1:-1] for name in names)
    return f"{shown}, … ({len(header)} columns)" if len(header) > SHOWN_NAMES else shown
