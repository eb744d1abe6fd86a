"""Between reading and typing: what only all values of a column together can tell."""

import dataclasses
import re
from collections.abc import Callable, Sequence

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.files import shorten
from customer_intelligence.ingest.reading import Reading

# After a time only: "-2010" at the end of a date is its year. The second group is all of it.
OFFSET = r"(:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|GMT|([+-])(0\d|1[0-4])(?::?([0-5]\d))?)$"
_FIRST_PART = r"^(\d{1,2})[-/.]\d{1,2}[-/.]\d{4}"
_SECOND_PART = r"^\d{1,2}[-/.](\d{1,2})[-/.]\d{4}"

Fetch = Callable[[str], Sequence[tuple]]
"""Runs a query over ``source`` and returns its rows."""


def survey(reading: Reading, fetch: Fetch) -> Reading:
    """Find the order of day and month, the currency, and on what clock times are.

    Raises
    ------
    CustomerIntelligenceError
        E_AMBIGUOUS_DATES or E_MIXED_CURRENCIES.
    """
    return dataclasses.replace(
        reading,
        date_order=_date_order(reading, fetch),
        currency=_currency(reading, fetch),
        clock=_clock(reading, fetch),
    )


def _date_order(reading: Reading, fetch: Fetch) -> str | None:
    """Return the configured or proven order of day and month; refuse when there is neither."""
    position = reading.columns.first("invoice_date")
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


def _clock(reading: Reading, fetch: Fetch) -> str:
    """Say on what clock the times are, and which offsets stand beside them."""
    position = reading.columns.first("invoice_date")
    zones = getattr(reading.layout, "zones", {})
    if reading.mapping.timezone is not None:
        return f"{reading.mapping.timezone}; times without an offset are taken for UTC"
    if position in zones:
        return f"{shorten(zones[position])}, which the file names"
    if reading.types[position] != "VARCHAR":
        return Reading.clock
    offset = f"regexp_extract(trim(c{position}), '{OFFSET}', 2)"
    query = (
        f"select distinct {offset} from source where contains(c{position}, ':') order by 1 limit 5"  # noqa: S608  # nosec
    )
    offsets = [found or "none" for (found,) in fetch(query)]
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
    found = fetch(f"select distinct {named} from source where {named} <> '' order by 1 limit 4")  # noqa: S608  # nosec
    codes = sorted({code for (code,) in found} | ({stated} - {None}))
    if len(codes) > 1 or not all(re.fullmatch("[A-Z]{3}", code) for code in codes):
        raise CustomerIntelligenceError(
            "E_MIXED_CURRENCIES",
            f'Column "{shorten(reading.header[position])}" of {reading.name} does not name one '
            f"currency by its three-letter code: {', '.join(map(shorten, codes))}.",
            "Split the file by currency, with a DATA_DIR for each; amounts are not converted.",
        )
    return codes[0] if codes else None
