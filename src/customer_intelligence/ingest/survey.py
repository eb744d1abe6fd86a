"""Between reading and typing: what only all values of a column together can show."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.currency_signs import SIGNS
from customer_intelligence.ingest.files import shorten
from customer_intelligence.ingest.number_marks import Proof, currencies, shape_as_sql
from customer_intelligence.ingest.reading import Marks, Reading
from customer_intelligence.quoting import literal

# After a time only: "-2010" at the end of a date is its year. The second group is all of it.
OFFSET = r"(:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|GMT|([+-])(0\d|1[0-4])(?::?([0-5]\d))?)$"
# Of the name of a month.
ANY_LETTERS = r"\pL{3}"
# A year of two digits stands after a slash or a point only: 21-12-26 may begin with it.
_YEAR = r"(?:[-/.]\d{4}|[/.]\d{2}(?:\D|$))"
_FIRST_PART = rf"^(\d{{1,2}})[-/.]\d{{1,2}}{_YEAR}"
_SECOND_PART = rf"^\d{{1,2}}[-/.](\d{{1,2}}){_YEAR}"

_PLAIN_NUMBER = r" *([+-]?\d{1,14}(\.\d{1,4})? *)?"
SHOWN_OFFSETS = 5
_MAX_SHAPES = 2_000
_LONGEST_NUMBER = 60
# What stands in place of an invoice or a product where the lines above are added up.
TOTAL_WORDS = (
    "total", "totals", "grand total", "subtotal", "sub total", "sub-total", "sum",
    "summe", "gesamt", "gesamtsumme", "gesamtbetrag", "zwischensumme", "endsumme",
    "totaux", "total général", "total general", "sous-total", "somme",
    "totales", "suma", "suma total", "subtotales", "total geral", "soma", "totais",
    "totale", "totali", "somma", "totale generale", "totaal", "eindtotaal", "subtotaal",
)  # fmt: skip

Fetch = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs a query over ``source`` and returns its rows."""


def survey(reading: Reading, fetch: Fetch) -> Reading:
    """Find the order of day and month, the currency, and the clock of the times.

    Raises
    ------
    CustomerIntelligenceError
        E_AMBIGUOUS_DATES or E_MIXED_CURRENCIES.
    """
    look = _first_look(reading, fetch)
    currency = _currency(reading, fetch)
    marks = Marks(is_plain=True)
    notes: tuple[str, ...] = ()
    if look.has_marks:
        marks, currency, notes = _marks(reading, currency, fetch)
    return dataclasses.replace(
        reading,
        date_order=_date_order(reading, fetch),
        currency=currency,
        marks=marks,
        has_totals=look.has_totals,
        names_months=look.names_months,
        clock=_clock(reading, look.offsets),
        notes=(*reading.notes, *notes),
    )


class _Look(NamedTuple):
    """What one pass over the records shows."""

    offsets: Sequence[str]
    """That stand after times; empty for none."""
    has_marks: bool
    """Whether a number in a text has more than digits, a minus and a point."""
    names_months: bool
    has_totals: bool


def _first_look(reading: Reading, fetch: Fetch) -> _Look:
    date = reading.columns.positions["invoice_date"][0]
    offsets, has_marks, names_months, has_totals = "[]", "false", "false", "false"
    if reading.types[date] == "VARCHAR":
        offset = f"coalesce(regexp_extract(trim(c{date}), '{OFFSET}', 2), '')"
        offsets = f"list(distinct {offset}) filter (where contains(c{date}, ':'))"
    dates = [reading.columns.first(field) for field in ("invoice_date", "refunded_at")]
    texts = [at for at in dates if at is not None and reading.types[at] == "VARCHAR"]
    if letters := [f"regexp_matches(c{at}, '{ANY_LETTERS}')" for at in texts]:
        names_months = f"bool_or({' or '.join(letters)})"
    if numbers := _number_columns(reading):
        plain = (f"regexp_full_match(c{at}, '{_PLAIN_NUMBER}')" for at in numbers)
        has_marks = f"bool_or(not coalesce({' and '.join(plain)}, true))"
        if (reading.mapping.decimal, reading.mapping.thousands) != (".", None):
            has_marks = "true"
    if words := [f"({is_total_word(f'c{at}')})" for at in total_columns(reading)]:
        has_totals = f"bool_or({' or '.join(words)})"
    if not texts and not numbers and not words:
        return _Look([], has_marks=False, names_months=False, has_totals=False)
    # The count makes one row of what may be no aggregate.
    looked = (
        f"select {offsets}, {has_marks}, {names_months}, {has_totals}, count(*) "  # noqa: S608  # nosec
        "from source"
    )
    ((offsets, *found, _),) = fetch(looked)
    return _Look(sorted(offsets or [])[:SHOWN_OFFSETS], *map(bool, found))


def total_columns(reading: Reading) -> list[int]:
    """Return the columns in which a word such as Total may stand: the first, and those of texts."""
    # Typed columns come from programs, which write no totals but those of the invoice's place.
    others = ("stock_code", "description", "customer_id") if reading.is_text else ()
    fields = ("invoice_no", *others)
    positions = {reading.columns.first(name) for name in fields} | {0}
    return sorted(at for at in positions if at is not None and reading.types[at] == "VARCHAR")


def is_total_word(name: str) -> str:
    """Return whether a text is a word for a total."""
    words = "|".join(map(re.escape, TOTAL_WORDS))
    return f"coalesce(regexp_full_match({name}, {literal(f'(?i) *(?:{words}) *:? *')}), false)"


def _number_columns(reading: Reading) -> list[int]:
    return [at for at, _ in _numbers(reading)]


def _numbers(reading: Reading) -> list[tuple[int, bool]]:
    """Return the text columns that hold numbers, and whether those are amounts."""
    columns = reading.columns
    formulas = [
        *columns.derived.values(),
        *filter(None, [columns.order_amount, columns.order_discount]),
        *columns.order_refund.values(),
    ]
    amounts = {at for formula in formulas for at in formula.positions.values()}
    stated = ("unit_price", "line_amount", "refunded_amount")
    amounts |= {at for name in stated for at in columns.positions.get(name, ())}
    every = amounts | set(columns.positions.get("quantity", ()))
    return [(at, at in amounts) for at in sorted(every) if reading.types[at] == "VARCHAR"]


def _marks(
    reading: Reading, currency: str | None, fetch: Fetch
) -> tuple[Marks, str | None, tuple[str, ...]]:
    """Find the marks and currency signs of the numbers; refuse amounts of several currencies."""
    proof, mapping = Proof(), reading.mapping
    for at, is_money in _numbers(reading):
        shape = shape_as_sql(f"c{at}")
        query = f"select distinct {shape} from source where strlen(c{at}) <= {_LONGEST_NUMBER} "  # noqa: S608  # nosec
        for (found,) in fetch(query + f"limit {_MAX_SHAPES}"):
            if found:
                proof.add(found, is_money=is_money)
    decimal, thousands = proof.marks(mapping.decimal, mapping.thousands)
    notes: tuple[str, ...] = ()
    if "," in proof.undecided and "," not in (decimal, thousands):
        notes = (
            'has numbers such as 1,250 and none that shows whether "," stands between thousands or '
            'before decimals: say `thousands: ","` or `decimal: ","` in mapping.yml',
        )
    signs = tuple(sorted(proof.signs))
    if currency is not None:
        signs = (currency, *SIGNS.get(currency, ()))
    elif signs:
        possible = currencies(signs)
        if not possible:
            raise CustomerIntelligenceError(
                "E_MIXED_CURRENCIES",
                f"Amounts of {reading.name} are in several currencies: {', '.join(signs)}.",
                "Split the file by currency, with a DATA_DIR for each; amounts are not converted. "
                "With `currency:` in mapping.yml, those of others are set apart.",
            )
        currency = next(iter(possible)) if len(possible) == 1 else None
    return Marks(decimal, thousands, signs), currency, notes


def _date_order(reading: Reading, fetch: Fetch) -> str | None:
    """Return the configured or proven order of day and month; refuse when there is neither."""
    position = reading.columns.positions["invoice_date"][0]
    if reading.types[position] != "VARCHAR":
        return None
    if reading.mapping.dates is not None:
        return reading.mapping.dates
    ((day_first, month_first, undecided, either),) = fetch(_date_query(f"c{position}"))
    slashed = day_first or month_first or undecided or either
    column = shorten(reading.header[position])
    if slashed and fetch("select 1 from source where date_cell is not null limit 1"):
        raise CustomerIntelligenceError(
            "E_AMBIGUOUS_DATES",
            f'Column "{column}" of {reading.name} holds true dates and the '
            f'text "{slashed}": a spreadsheet of another region may have swapped day and month of '
            "those it took for dates.",
            "Check them there; set `dates: dmy` or `dates: mdy` in mapping.yml if they are right.",
        )
    if day_first and month_first:
        what = f'holds both "{day_first}" (day first) and "{month_first}" (month first)'
    elif undecided and not day_first and not month_first:
        what = f'holds "{undecided}" and no date that shows whether the day or the month is first'
    else:
        return "dmy" if day_first else "mdy" if month_first or either else "ymd"
    raise CustomerIntelligenceError(
        "E_AMBIGUOUS_DATES",
        f'Column "{column}" of {reading.name} {what}.',
        "Set `dates: mdy` or `dates: dmy` in mapping.yml.",
    )


def _date_query(column: str) -> str:
    """Write the query that looks for proof of the order of day and month in a text column.

    It gives one row: an example each of a date that can only be day first, a date that can only
    be month first, a date that differs by the order, and a date that does not because day and
    month are equal; null where there is none.
    """
    # The first ten characters hold day and month, and repeat: few distinct values at any size.
    return f"""
    with seen as (
        select distinct left(ltrim({column}), 10) as value
        from source
        where {column} is not null
    ),
    parts as (
        select
            value,
            try_cast(regexp_extract(value, '{_FIRST_PART}', 1) as integer) as first,
            try_cast(regexp_extract(value, '{_SECOND_PART}', 1)
                as integer) as second
        from seen
    )
    select
        min(trim(value)) filter (first between 13 and 31 and second between 1 and 12),
        min(trim(value)) filter (second between 13 and 31 and first between 1 and 12),
        min(trim(value)) filter (
            first between 1 and 12 and second between 1 and 12 and first <> second
        ),
        min(trim(value)) filter (first between 1 and 12 and first = second)
    from parts
    """  # noqa: S608  # nosec  # the column is one of c0, c1, …


def _clock(reading: Reading, found: Sequence[str]) -> str:
    """Return the clock of the times, and the offsets that stand beside them."""
    position = reading.columns.positions["invoice_date"][0]
    zones = getattr(reading.layout, "zones", {})
    if reading.mapping.timezone is not None:
        return f"{reading.mapping.timezone}; times without an offset are taken for UTC"
    if position in zones:
        return f"{shorten(zones[position])}, which the file names"
    if "WITH TIME ZONE" in reading.types[position]:
        return "UTC. If the shop is elsewhere, name its zone: `timezone: Area/City`"
    if reading.types[position] != "VARCHAR":
        return Reading.clock
    offsets = [offset or "none" for offset in found]
    if re.search(r"\bUTC\b", reading.header[position]) and set(offsets) <= {"none", "UTC", "Z"}:
        return (
            "UTC, by the name of the column. If the shop is not, name its zone: "
            "`timezone: Area/City`"
        )
    if offsets in ([], ["none"]):
        return Reading.clock
    return (
        f"{Reading.clock}; offsets ({', '.join(offsets)}) are not converted. If the file is in UTC "
        "and the shop is not, name its zone: `timezone: Area/City`"
    )


def _currency(reading: Reading, fetch: Fetch) -> str | None:
    """Return the currency that the mapping or the file's own column names; refuse several."""
    position = reading.columns.first("currency")
    stated = reading.mapping.currency
    if position is None:
        return stated
    named = f"upper(trim(cast(c{position} as varchar)))"
    found = fetch(
        f"select {named} as code from source where {named} <> '' group by code "  # noqa: S608  # nosec
        f"order by code <> {literal(stated or '')}, code limit 4"
    )
    codes = sorted(code for (code,) in found)
    if stated in codes:
        # Lines of other currencies are set apart one by one.
        return stated
    codes = sorted({*codes, stated} - {None})
    if len(codes) > 1 or not all(re.fullmatch("[A-Z]{3}", code) for code in codes):
        raise CustomerIntelligenceError(
            "E_MIXED_CURRENCIES",
            f'Column "{shorten(reading.header[position])}" of {reading.name} does not name one '
            f"currency by its three-letter code: {', '.join(map(shorten, codes))}.",
            "Name the one that counts in mapping.yml, such as `currency: EUR`: lines of others are "
            "set apart, and may go into a DATA_DIR of their own. Amounts are not converted.",
        )
    return codes[0] if codes else None
