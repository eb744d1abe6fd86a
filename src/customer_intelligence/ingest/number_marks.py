"""What the numbers of a file prove about its decimal mark, thousands mark and currency."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from customer_intelligence.ingest.currency_signs import CODES

# A shape is a number with a sign for each run of digits: 0 alone, one, two, three, more.
ZERO, ONE, TWO, THREE, MORE = ("⓪", "①", "②", "③", "④")
_GROUP_MARKS = " '’\u00a0\u2009\u202f"
_DIGITS = f"[{ZERO}{ONE}{TWO}{THREE}{MORE}]"
_NUMBER = re.compile(f"[.,]?{_DIGITS}(?:[.,{_GROUP_MARKS}]{_DIGITS})*")
_LONGEST_SIGNS = 12
_BESIDE = re.compile(r"[-+−﹣－()\[\]%.\s]+")


def shape_as_sql(value: str) -> str:
    """Write the shape of a number in SQL; a file has few of them."""
    shape = f"regexp_replace(trim({value}), '(^|[^0-9.,])0([.,])', '\\1{ZERO}\\2', 'g')"
    for digits, sign in (
        ("[0-9]{4,}", MORE),
        ("[0-9]{3}", THREE),
        ("[0-9]{2}", TWO),
        ("[0-9]", ONE),
    ):
        shape = f"regexp_replace({shape}, '{digits}', '{sign}', 'g')"
    return shape


@dataclass
class Proof:
    """What the shapes seen so far show."""

    decimals: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    undecided: set[str] = field(default_factory=set)
    """Marks that stand before three digits and may be either."""
    signs: set[str] = field(default_factory=set)
    """Codes and signs of currencies beside the numbers."""

    def add(self, shape: str, *, is_money: bool) -> None:
        """Learn from the shape of a number."""
        found = _NUMBER.search(shape)
        if found is None:
            return
        self._add_number(found[0])
        beside = _BESIDE.sub("", shape[: found.start()] + shape[found.end() :])
        if is_money and beside:
            # A code may stand at one end and a sign at the other.
            cuts = ({beside[:at], beside[at:]} - {""} for at in range(len(beside[:_LONGEST_SIGNS])))
            self.signs |= next((cut for cut in cuts if all(sign in CODES for sign in cut)), set())

    def _add_number(self, number: str) -> None:
        parts = re.split(f"([^{ZERO}{ONE}{TWO}{THREE}{MORE}])", number)
        digits, marks = parts[::2], parts[1::2]
        if not marks:
            return
        *before, last = marks
        are_grouped = all(part == THREE for part in digits[1:-1]) and digits[0] in (ONE, TWO, THREE)
        if before:
            if len(set(before)) > 1 or not are_grouped:
                return
            self.groups.add(before[0])
            if last != before[0]:
                self.decimals.add(last)
        elif last in _GROUP_MARKS:
            if digits[-1] == THREE and are_grouped:
                self.groups.add(last)
        elif digits[-1] == THREE and are_grouped:
            self.undecided.add(last)
        else:
            self.decimals.add(last)

    def marks(self, decimal: str, thousands: str | None) -> tuple[str, str | None]:
        """Return the decimal and thousands marks: as stated, or what is proven beyond doubt."""
        if thousands is not None:
            return decimal, thousands
        stated = {decimal} - {"."}
        decimals, groups = self.decimals | stated, set(self.groups)
        if len(decimals) == 1:
            groups |= self.undecided - decimals
        if len(decimals) > 1 or len(groups) > 1 or decimals & groups:
            return decimal, None
        if not decimals and "." in groups:
            decimals = {","}
        return next(iter(decimals), decimal), next(iter(groups), None)


def currencies(signs: Iterable[str]) -> frozenset[str]:
    """Return the currencies that all of the signs may mean."""
    return frozenset.intersection(*(CODES[sign] for sign in signs))
