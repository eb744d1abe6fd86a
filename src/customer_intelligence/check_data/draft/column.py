"""The values of a column: their kind, and how numbers and dates are written."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property

from customer_intelligence.ingest.currency_signs import CODES, SIGNS
from customer_intelligence.ingest.mapping import CURRENCY_SYMBOLS

# Of the records looked at, so many must be of a kind; a few may be damaged.
MOST = 0.8
FEW_RECORDS = 3
_NUMBER_STYLES = ((".", None), (".", ","), (",", None), (",", "."), (",", " "), (".", " "))
DATE_FORMATS = (
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d.%m.%y %H:%M",
    "%Y%m%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y",
    "%d %b %Y %H:%M", "%b %d, %Y %H:%M", "%Y.%m.%d", "%Y%m%d %H:%M:%S", "%d/%m/%y %I:%M %p",
    "%m/%d/%y %I:%M %p", "%b-%d-%y", "%b-%d-%Y", "%d-%b-%Y %H:%M", "%d-%b-%Y %I:%M %p",
    "%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M %p", "%B %d, %Y %I:%M %p", "%d/%m/%y %H:%M:%S",
    "%m/%d/%y %H:%M:%S", "%d.%m.%y %H:%M:%S", "%d-%m-%y", "%m-%d-%y", "%d-%m-%y %H:%M",
    "%m-%d-%y %H:%M",
)  # fmt: skip
_KNOWN_DATE = re.compile(
    r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ].*)?|\d{1,2}([-/.])\d{1,2}\3\d{4}([T ,].*)?)"
)
_SLASHED = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}")
# "ORD-1001" is no amount of a currency ORD.
_CODES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "INR", "JPY",
    "MXN", "NOK", "NZD", "PLN", "RON", "SEK", "SGD", "TRY", "USD", "ZAR",
)  # fmt: skip
# "P100" and "12 E" are no amounts either: letters stand behind the number, and are several.
_SIGNS = [sign for sign in CODES if sign not in SIGNS and not (sign.isalpha() and len(sign) < 2)]
_LONGEST_FIRST = sorted(_SIGNS, key=len, reverse=True)
_SIGN = "|".join([*_CODES, *(re.escape(one) for one in _LONGEST_FIRST if not one.isalpha())])
_LAST = "|".join([_SIGN, *(re.escape(one) for one in _LONGEST_FIRST if one.isalpha())])
_MONEY = re.compile(
    rf"(?P<sign>[-−(])? *(?P<code>{_SIGN})? *"
    rf"(?P<number>[+-]?[\d.,'  ]*\d) *(?P<last>{_LAST})?\)?"
)
_WHOLE = re.compile(r"[+-]?\d+([.,]0+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass
class Column:
    """The values of a column.

    Parameters
    ----------
    name : str
        As in the file.
    rows : sequence of str
        The records looked at, in the order of the file: trimmed, and empty where blank.
    """

    name: str
    rows: Sequence[str]

    @cached_property
    def values(self) -> Mapping[str, int]:
        """Distinct values that are not blank, with the number of records that hold each."""
        return Counter(value for value in self.rows if value)

    @cached_property
    def filled(self) -> int:
        """Records with a value."""
        return sum(self.values.values())

    def is_mostly(self, holds: Callable[[str], object]) -> bool:
        """Return whether something holds for the values of most records."""
        kind = sum(count for value, count in self.values.items() if holds(value))
        return self.filled > 0 and (
            kind >= MOST * self.filled or (kind == self.filled - 1 and kind >= FEW_RECORDS)
        )

    @cached_property
    def is_number(self) -> bool:
        """Whether most values are numbers, in whatever marks."""
        return self.is_mostly(_MONEY.fullmatch)

    @cached_property
    def is_whole(self) -> bool:
        """Whether most values are whole numbers."""
        return self.is_mostly(_WHOLE.fullmatch)

    @cached_property
    def is_money(self) -> bool:
        """Whether the values are numbers, and some are not whole."""
        return self.is_number and not self.is_whole

    @cached_property
    def is_email(self) -> bool:
        """Whether most values are e-mail addresses."""
        return self.is_mostly(_EMAIL.fullmatch)

    @property
    def numbers(self) -> list[str]:
        """The numbers, without signs of currency."""
        return [match["number"] for match in map(_MONEY.fullmatch, self.values) if match]

    @cached_property
    def decimals(self) -> list[Decimal | None]:
        """The number of each record, by the marks that most of the column's numbers have."""
        style = number_style(self.numbers) or (".", None)
        read = {value: _decimal(value, *style) for value in self.values}
        return [read.get(value) for value in self.rows]

    @property
    def currencies(self) -> set[str]:
        """Codes of the currencies that stand beside the numbers."""
        codes = {sign: code for code, sign in CURRENCY_SYMBOLS.items()}
        matches = [match for match in map(_MONEY.fullmatch, self.values) if match]
        found = {part for match in matches for part in (match["code"], match["last"]) if part}
        return {codes.get(part) or "/".join(sorted(CODES[part])) for part in found}

    @cached_property
    def date_format(self) -> str | None:
        """``known``, a strptime format, or None where most values are no dates."""
        if self.is_mostly(_KNOWN_DATE.fullmatch):
            return "known"
        return next((form for form in DATE_FORMATS if self.is_mostly(reader(form))), None)

    @property
    def date_order(self) -> str | None:
        """``dmy`` or ``mdy`` where a value proves it."""
        parts = [match for match in map(_SLASHED.match, self.values) if match]
        first = any(int(match[1]) > 12 for match in parts)
        second = any(int(match[2]) > 12 for match in parts)
        return "dmy" if first and not second else "mdy" if second and not first else None


def number_style(numbers: Sequence[str]) -> tuple[str, str | None] | None:
    """Return the decimal mark and the mark between thousands that most numbers have."""
    for decimal, thousands in _NUMBER_STYLES:
        read = sum(_is_number(value, decimal, thousands) for value in numbers)
        if numbers and read >= MOST * len(numbers):
            return decimal, thousands
    return None


def _decimal(value: str, decimal: str, thousands: str | None) -> Decimal | None:
    match = _MONEY.fullmatch(value)
    if match is None:
        return None
    text = match["number"].replace(thousands or " ", "").replace(decimal, ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return -number if match["sign"] else number


def _is_number(value: str, decimal: str, thousands: str | None) -> bool:
    mark, group = re.escape(decimal), re.escape(thousands or "")
    whole = rf"(\d+|\d{{1,3}}({group}\d{{3}})+)" if thousands else r"\d+"
    return re.fullmatch(rf"[+-]?{whole}({mark}\d*)?", value) is not None


def reader(form: str) -> Callable[[str], bool]:
    """Return whether a text is a date of this form, as a function."""

    def fits(value: str) -> bool:
        try:
            datetime.strptime(value, form)
        except ValueError:
            return False
        # strptime reads 500012 as a day of the year 5000: digits alone have to be eight.
        return not form.startswith("%Y%m") or bool(re.match(r"(19|20)\d{6}(\D|$)", value))

    return fits
