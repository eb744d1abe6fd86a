"""Draft a mapping for a file without one.

A column is a field by three kinds of evidence: its name (`names`, words in five languages), its
values, and arithmetic between columns (quantity times price is the total). The draft is a proposal
for a person to review, with reasons and a verdict: ``ok``, ``likely`` or ``look here``. A load uses
it only once it is in a mapping file.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from customer_intelligence.ingest import names
from customer_intelligence.ingest.currency_signs import CODES, SIGNS
from customer_intelligence.ingest.mapping import (
    CURRENCY_SYMBOLS,
    FALLBACK_FIELDS,
    FIELDS,
    ONCE_PER_ORDER_FIELDS,
    REFUSAL_COLUMN,
)
from customer_intelligence.ingest.rules import plain_word

# Of the records looked at, so many must be of a kind; a few may be damaged.
MOST = 0.8
FEW_RECORDS = 3
_NUMBER_STYLES = ((".", None), (".", ","), (",", None), (",", "."), (",", " "), (".", " "))
_DATE_FORMATS = (
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


# A score of so many is proposed, is likely, is certain; and so far ahead of the next column.
PROPOSED, LIKELY, CERTAIN, AHEAD = 5, 7, 9, 2
# A label is a column of so few values in so many records, such as Member and Normal.
FEW_VALUES, MANY_RECORDS = 4, 50
# So many invoices of several lines prove that an amount is repeated on each of them.
REPEATING_INVOICES = 20
# More of the orders than this belong to no one person.
# Where arithmetic is asked, a name may say nothing.
LEAST = -2
LEAST_OF_PHONE = 3
GUEST_SHARE = 0.2
GUEST_ORDERS = 10
SHOWN_WORDS = 12
# What arithmetic on prices with two decimals may differ by, for each unit and in all.
CENT = Decimal("0.01")

_WHOLE = re.compile(r"[+-]?\d+([.,]0+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HASHED = re.compile(r"#\s?[A-Za-z]{0,4}-?\d+")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?", re.IGNORECASE)


@dataclass
class Column:
    """What is seen of a column.

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
        return next((form for form in _DATE_FORMATS if self.is_mostly(_reader(form))), None)

    @property
    def date_order(self) -> str | None:
        """``dmy`` or ``mdy`` where a value proves it."""
        parts = [match for match in map(_SLASHED.match, self.values) if match]
        first = any(int(match[1]) > 12 for match in parts)
        second = any(int(match[2]) > 12 for match in parts)
        return "dmy" if first and not second else "mdy" if second and not first else None


@dataclass
class Proposal:
    """Which columns a field is taken from, and how sure that is."""

    columns: list[str]
    """The first counts; the next stand in where it is blank."""
    verdict: str
    reasons: list[str]


@dataclass
class Draft:
    """A mapping as it would stand in the file, and what a person should know of it."""

    content: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    is_lines: bool = True
    """Whether the records are lines of orders, and not whole orders, payments or products."""


@dataclass(frozen=True)
class _Candidate:
    column: Column
    score: int
    reasons: tuple[str, ...]


def draft_mapping(columns: Sequence[Column]) -> Draft:
    """Propose which column is which field, and how its values are written.

    Parameters
    ----------
    columns : sequence of Column
        Of the file, with names that no other column has.
    """
    work = _Work([column for column in columns if column.filled])
    date = work.choose("invoice_date", _date_evidence) or _choose_only_date(work)
    invoice = work.choose("invoice_no", _invoice_evidence)
    customer = work.choose("customer_id", _customer_evidence)
    work.choose("currency", _currency_evidence)
    work.choose("cancelled", _cancelled_evidence)
    work.choose("status", _status_evidence)
    work.choose("consent", _consent_evidence)
    quantity = work.choose("quantity", _quantity_evidence)
    _choose_money(work, quantity, invoice)
    work.choose("stock_code", _code_evidence)
    _choose_description(work)
    work.choose("country", _country_evidence)
    _add_fallbacks(work)
    draft = _drafted(work)
    if customer is not None and invoice is not None:
        draft.notes += identity_notes(customer, invoice)
    if date is not None:
        _draft_dates(draft, date)
    return draft


class _Work:
    """What has been chosen so far."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.chosen: dict[str, Column] = {}
        self.proposals: dict[str, Proposal] = {}
        self.notes: list[str] = []
        self.order_amount: Column | None = None
        self.once_per_order: Column | None = None
        """Amount of a whole order, that stands on its first line only."""

    def ranked(
        self,
        name: str,
        evidence: Callable[[Column], tuple[int, str] | None],
        least: int = PROPOSED,
    ) -> list[_Candidate]:
        """Return the columns that may be a field, the likeliest first."""
        taken = {column.name for column in self.chosen.values()}
        found = []
        for column in self.columns:
            if column.name in taken:
                continue
            by_name = names.points(name, column.name)
            seen = evidence(column)
            if seen is None:
                continue
            extra, why = seen
            if by_name <= 0 and extra < PROPOSED and least > 0:
                continue
            reasons = [] if by_name <= 0 else ["its name says so"]
            score = by_name + extra
            if 2 * column.filled < len(column.rows):
                score -= 1
            if score >= least:
                found.append(_Candidate(column, score, (*reasons, *([why] if why else []))))
        # The first of equals: what matters stands further left in most exports.
        return sorted(found, key=lambda candidate: -candidate.score)

    def choose(
        self, name: str, evidence: Callable[[Column], tuple[int, str] | None]
    ) -> Column | None:
        """Choose the likeliest column for a field, if there is one."""
        ranked = self.ranked(name, evidence)
        if not ranked:
            return None
        self.take(name, ranked)
        return self.chosen[name]

    def take(self, name: str, ranked: Sequence[_Candidate], *, is_proven: bool = False) -> None:
        """Take the first candidate, and say how sure that is."""
        best, others = ranked[0], ranked[1:]
        lead = best.score - max((other.score for other in others), default=0)
        reasons = list(best.reasons)
        if is_proven or (best.score >= CERTAIN and lead >= AHEAD):
            verdict = "ok"
        elif best.score >= LIKELY:
            verdict = "likely"
        else:
            verdict = "look here"
        if others and verdict != "ok":
            reasons.append(f"may also be {others[0].column.name!a}")
        self.chosen[name] = best.column
        self.proposals[name] = Proposal([best.column.name], verdict, reasons)


def _is_date(column: Column) -> bool:
    return column.date_format is not None


def _date_evidence(column: Column) -> tuple[int, str] | None:
    if _is_date(column):
        # Eight digits may be a number, too.
        return (2, "it holds days") if column.date_format == "%Y%m%d" else (4, "it holds dates")
    if column.is_number or column.is_mostly(_CLOCK.fullmatch):
        return None
    if column.is_mostly(re.compile(r"\d").search):
        return -3, "how its dates are written is not known"
    return None


def _choose_only_date(work: _Work) -> Column | None:
    dated = [column for column in work.columns if column.date_format not in (None, "%Y%m%d")]
    if len(dated) != 1 or names.said(dated[0].name).meanings & {"later", "refund"}:
        return None
    work.chosen["invoice_date"] = dated[0]
    why = "no other column holds dates"
    is_shipped = "shipping" in names.said(dated[0].name).meanings
    verdict = "look here" if is_shipped else "likely"
    work.proposals["invoice_date"] = Proposal([dated[0].name], verdict, [why])
    return dated[0]


def _is_id(column: Column) -> bool:
    return not column.is_money and column.date_format in (None, "%Y%m%d")


def _invoice_evidence(column: Column) -> tuple[int, str] | None:
    if not _is_id(column) or not column.is_mostly(re.compile(r"\d").search):
        return None
    if column.is_mostly(_HASHED.fullmatch):
        return 6, "its values look like order numbers"
    return (-3 if _is_label(column) else 0), ""


def _is_label(column: Column) -> bool:
    """Return whether there are too few values for those of an identity."""
    return len(column.values) <= FEW_VALUES and column.filled >= MANY_RECORDS


def _customer_evidence(column: Column) -> tuple[int, str] | None:
    if not _is_id(column):
        return None
    if _is_label(column):
        return None
    if len(column.values) == 1 and column.filled > 2:
        return -3, "all its values are the same"
    if column.is_email:
        return 2, "it holds e-mail addresses"
    return 0, ""


def _currency_evidence(column: Column) -> tuple[int, str] | None:
    if all(re.fullmatch("[A-Za-z]{3}", value) for value in column.values):
        return 2, "it holds codes of currencies"
    return None


def _cancelled_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_money else (0, "")


def _status_evidence(column: Column) -> tuple[int, str] | None:
    if column.is_number or _is_date(column) or len(column.values) > 60:
        return None
    words = names.status_classes()
    known = sum(plain_word(value) in words for value in column.values)
    if known:
        return 2, "it holds words for what became of an order"
    short = column.is_mostly(re.compile("[A-Za-z]{2,3}").fullmatch)
    return (-3 if short else -1), "none of its words is known for a status"


def _consent_evidence(column: Column) -> tuple[int, str] | None:
    if REFUSAL_COLUMN.search(column.name):
        return None
    words = names.consent_words()
    if all(value.casefold() in words for value in column.values):
        return 1, "it says yes or no"
    return -2, ""


def _quantity_evidence(column: Column) -> tuple[int, str] | None:
    if not column.is_number or column.currencies:
        return None
    return (1, "it holds whole numbers") if column.is_whole else (0, "")


def _money_evidence(column: Column) -> tuple[int, str] | None:
    return (0, "") if column.is_number and column.date_format in (None, "%Y%m%d") else None


def _code_evidence(column: Column) -> tuple[int, str] | None:
    return (0, "") if _is_id(column) else None


def _text_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_number or _is_date(column) else (0, "")


def _country_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_number or _is_date(column) else (0, "")


def _choose_money(work: _Work, quantity: Column | None, invoice: Column | None) -> None:
    # What a name alone does not prove, arithmetic may.
    prices = work.ranked("unit_price", _money_evidence, 1)
    found = work.ranked("line_amount", _money_evidence, LEAST)
    of_lines = [one for one in found if not _is_once_per_order(one.column, invoice)]
    proven = quantity is not None and _choose_proven(work, quantity, prices, of_lines, invoice)
    named = [one for one in found if one.score >= PROPOSED and one not in of_lines]
    work.once_per_order = named[0].column if named and quantity is not None else None
    if proven:
        return
    faint = [one for one in prices if "price" in names.said(one.column.name).meanings]
    prices = [one for one in prices if one.score >= PROPOSED]
    found = [one for one in found if one.score >= PROPOSED]
    if not prices and not found:
        # A list price is better than none.
        prices = faint
    totals = [one for one in found if not _is_of_order(one.column, invoice)]
    of_order = [one for one in found if one not in totals]
    if quantity is None:
        _choose_without_quantity(work, prices, totals, of_order)
    else:
        _choose_by_name(work, quantity, prices, totals)
        if not {"unit_price", "line_amount"} & set(work.chosen) and of_order:
            _take_of_order(work, of_order)


def _choose_proven(
    work: _Work,
    quantity: Column,
    prices: Sequence[_Candidate],
    totals: Sequence[_Candidate],
    invoice: Column | None,
) -> bool:
    """Choose a price and a total of which arithmetic shows that they are."""
    proven = []
    for price, total in itertools.product(prices[:6], totals[:24]):
        if price.column is not total.column:
            holds, telling, below = _products(quantity, price.column, total.column)
            is_proof = holds >= MOST * telling
            # Discounts make a total less than the product, never more.
            is_sign = total.score >= PROPOSED and (
                2 * holds >= telling or (3 * holds >= telling and below >= MOST * telling)
            )
            if (
                telling
                and (is_proof or is_sign)
                and not _fails_on_orders(quantity, price.column, total.column, invoice)
            ):
                proven.append((price.score + total.score, holds, telling, price, total))
    if not proven:
        return False
    _, holds, telling, price, total = max(proven, key=lambda one: one[0])
    why = f"quantity x price gives the total on {holds:,} of {telling:,} lines of several units"
    rivals = [one for one in proven if one[3] is not price and one[4] is not total]
    for name, best in (("unit_price", price), ("line_amount", total)):
        candidate = _Candidate(best.column, best.score, (*best.reasons, why))
        is_proven = not rivals and holds >= MOST * telling and telling > 1
        work.take(name, [candidate], is_proven=is_proven)
        if not is_proven:
            work.proposals[name].verdict = "likely"
    _tell_rivals(work, total, totals)
    return True


def _choose_by_name(
    work: _Work, quantity: Column, prices: Sequence[_Candidate], totals: Sequence[_Candidate]
) -> None:
    """Choose a price or a total where no arithmetic ties them."""
    if prices and _is_of_line(work, quantity, prices[0].column):
        why = "it grows with the quantity of one product: it is what the line costs"
        best = prices[0]
        work.take(
            "line_amount",
            [_Candidate(best.column, best.score, (*best.reasons, why))],
            is_proven=best.score >= LIKELY,
        )
        return
    if prices:
        work.take("unit_price", prices)
        proposal = work.proposals["unit_price"]
        if proposal.verdict == "ok" and "unit" not in names.said(proposal.columns[0]).meanings:
            # Some shops call the price of all units of a line its price.
            proposal.verdict = "likely"
            proposal.reasons.append("nothing in the file proves that it is of one unit")
    others = [
        one for one in totals if one.column.name not in {c.name for c in work.chosen.values()}
    ]
    # A bare "Total" may be the order's: beside a price, its name has to say that it is the line's.
    if others and (not prices or others[0].score >= CERTAIN):
        work.take("line_amount", others)
        _tell_rivals(work, others[0], others)
        if "unit_price" in work.chosen:
            holds, telling, _ = _products(quantity, prices[0].column, others[0].column)
            if telling:
                work.proposals["line_amount"].verdict = "look here"
                work.notes.append(
                    f"{others[0].column.name!a} is not {quantity.name!a} x "
                    f"{prices[0].column.name!a} on {telling - holds:,} of {telling:,} lines of "
                    "several units: the line's amount counts"
                )


def _choose_without_quantity(
    work: _Work,
    prices: Sequence[_Candidate],
    totals: Sequence[_Candidate],
    of_order: Sequence[_Candidate],
) -> None:
    if totals and (not prices or totals[0].score >= prices[0].score):
        work.take("line_amount", totals)
        _tell_rivals(work, totals[0], totals)
    elif prices:
        work.take("line_amount", prices)
        if work.proposals["line_amount"].verdict == "ok":
            work.proposals["line_amount"].verdict = "likely"
        work.notes.append(
            f"there is no quantity: {prices[0].column.name!a} is taken for what the line costs"
        )
    elif of_order:
        _take_of_order(work, of_order)


def _take_of_order(work: _Work, of_order: Sequence[_Candidate]) -> None:
    work.take("line_amount", of_order)
    work.proposals["line_amount"].verdict = "look here"
    work.order_amount = of_order[0].column


def _tell_rivals(work: _Work, taken: _Candidate, totals: Sequence[_Candidate]) -> None:
    """Say which other columns claim to be the amount, and how far they differ."""
    proposal = work.proposals["line_amount"]
    is_proven = "unit_price" in work.chosen and proposal.verdict == "ok"
    for rival in totals:
        if rival.column is taken.column or rival.score < max(LIKELY, taken.score - 3):
            continue
        pairs = [
            (one, other)
            for one, other in zip(taken.column.decimals, rival.column.decimals, strict=True)
            if one is not None and other is not None
        ]
        differing = sum(one != other for one, other in pairs)
        if differing:
            sums = [sum(side) for side in zip(*pairs, strict=True)]
            if not is_proven:
                proposal.verdict = "look here"
            work.notes.append(
                f"{taken.column.name!a} and {rival.column.name!a} may both be the amount, and "
                f"differ on {differing:,} of {len(pairs):,} lines ({sums[0]:,.2f} against "
                f"{sums[1]:,.2f}): {taken.column.name!a} is taken"
            )


def _products(quantity: Column, price: Column, total: Column) -> tuple[int, int, int]:
    """Compare totals with quantity times price, on lines of several units.

    Returns
    -------
    holds, telling, below : int
        Lines where they are equal, lines of several units, lines where the total is not more.
    """
    holds = telling = below = 0
    for units, each, whole in zip(quantity.decimals, price.decimals, total.decimals, strict=True):
        if units is None or each is None or whole is None or abs(units) == 1 or not units * each:
            continue
        telling += 1
        difference = abs(whole) - abs(units * each)
        holds += abs(difference) <= CENT * max(1, abs(units))
        below += difference <= CENT * max(1, abs(units))
    return holds, telling, below


def _is_of_line(work: _Work, quantity: Column, money: Column) -> bool:
    """Return whether an amount grows with the quantity of one and the same product."""
    ranked = work.ranked("stock_code", _code_evidence) + work.ranked("description", _text_evidence)
    products = [one.column for one in ranked] + _categories(work)
    for product in products[:3]:
        seen: dict[str, set[tuple[Decimal, Decimal]]] = defaultdict(set)
        for code, units, amount in zip(
            product.rows, quantity.decimals, money.decimals, strict=True
        ):
            if code and units and amount:
                seen[code].add((units, amount))
        votes = [0, 0]
        for pairs in seen.values():
            if len({abs(units) for units, _ in pairs}) > 1:
                is_same = len({abs(amount) for _, amount in pairs}) == 1
                each = [abs(amount / units) for units, amount in pairs]
                votes[0] += is_same
                votes[1] += not is_same and max(each) - min(each) <= CENT
        if sum(votes):
            return votes[1] > votes[0]
    return False


def _categories(work: _Work) -> list[Column]:
    """Return columns that group products: the last that may stand for one."""
    return [
        column
        for column in work.columns
        if "category" in (said := names.said(column.name)).meanings
        and said.meanings <= {"category", "name", "product"}
        and not column.is_number
    ]


def _is_of_order(amount: Column, invoice: Column | None) -> bool:
    """Return whether an amount is the order's: said once, or the same on all of its lines."""
    if invoice is None:
        return False
    orders = [rows for rows in _orders(amount, invoice) if len(rows) > 1]
    several = [rows for rows in orders if sum(map(bool, rows)) > 1]
    if orders and not several:
        return any(rows[0] for rows in orders)
    return bool(several) and sum(len(set(rows)) == 1 for rows in several) >= 0.99 * len(several)


def _is_once_per_order(amount: Column, invoice: Column | None) -> bool:
    """Return whether an amount stands on the first line of an order and on no other."""
    return invoice is not None and _is_on_first_line(amount, invoice)


def _fails_on_orders(
    quantity: Column, price: Column, total: Column, invoice: Column | None
) -> bool:
    """Return whether arithmetic that holds on orders of one line fails on those of several."""
    if invoice is None:
        return False
    lines = Counter(invoice.rows)
    several = [at for at, number in enumerate(invoice.rows) if number and lines[number] > 1]
    parts = [Column(one.name, [one.rows[at] for at in several]) for one in (quantity, price, total)]
    # A line of one unit tells here, too.
    seen = [
        (units, each, whole)
        for units, each, whole in zip(*(part.decimals for part in parts), strict=True)
        if units is not None and each is not None and whole is not None and units * each
    ]
    holds = sum(abs(abs(whole) - abs(units * each)) <= CENT for units, each, whole in seen)
    return len(seen) >= FEW_RECORDS and 2 * holds < len(seen)


def _orders(column: Column, invoice: Column) -> Iterable[list[str]]:
    """Return the values of a column, by invoice."""
    orders: dict[str, list[str]] = defaultdict(list)
    for number, value in zip(invoice.rows, column.rows, strict=True):
        if number:
            orders[number].append(value)
    return orders.values()


def _choose_description(work: _Work) -> None:
    work.choose("description", _text_evidence)
    if "description" not in work.chosen:
        code = work.chosen.get("stock_code")
        is_text = code is not None and names.points("description", code.name) >= PROPOSED
        if code is not None and not code.is_number and is_text:
            work.chosen["description"] = code
            work.proposals["description"] = Proposal(
                [code.name], "likely", ["it names the product"]
            )
    _choose_last_resorts(work)
    if "stock_code" not in work.chosen and "description" in work.chosen:
        named = work.chosen["description"]
        work.chosen["stock_code"] = named
        why = "there is no product code: the product's name stands for it"
        work.proposals["stock_code"] = Proposal([named.name], "likely", [why])
        work.notes.append(why)


def _choose_last_resorts(work: _Work) -> None:
    """Take a group for the product, and a bare name for the customer, where all else fails."""
    groups = _categories(work)
    if groups and "quantity" in work.chosen and "description" not in work.chosen:
        work.chosen["description"] = groups[0]
        work.proposals["description"] = Proposal(
            [groups[0].name], "look here", ["it groups products, and nothing else names them"]
        )
    _choose_any_customer(work)
    _choose_any_number(work)


def _choose_any_customer(work: _Work) -> None:
    """Take a telephone, a bare name, or who receives, for the customer, where all else fails."""
    if "customer_id" in work.chosen:
        return
    phones = work.ranked("customer_id", _customer_evidence, LEAST_OF_PHONE)
    places = any(names.said(one.name).meanings & {"address", "place"} for one in work.columns)
    texts = [
        (column, names.said(column.name))
        for column in work.columns
        if column not in work.chosen.values() and not column.is_number
    ]
    bare = [column for column, said in texts if said == names.Said(frozenset({"name"}), 0)]
    received = [column for column, said in texts if said.meanings == {"shipping", "name"}]
    if not (places and "description" in work.chosen):
        bare = received = []
    for columns, reason in (
        ([one.column for one in phones], "nothing else says who bought"),
        (bare, "it is a name, and addresses stand beside it"),
        (received, "nothing but who receives says who bought"),
    ):
        if columns:
            work.chosen["customer_id"] = columns[0]
            work.proposals["customer_id"] = Proposal([columns[0].name], "look here", [reason])
            return


def _choose_any_number(work: _Work) -> None:
    """Take a bare reference or number for that of the order, where all else fails."""
    if "invoice_no" in work.chosen or "description" not in work.chosen:
        return
    for column in work.columns:
        said = names.said(column.name)
        is_bare = said in (names.Said(frozenset({one}), 0) for one in ("ref", "number"))
        # What counts the rows says nothing of orders.
        counts = [str(at) for at in range(1, len(column.rows) + 1)] == list(column.rows)
        if is_bare and not counts and column not in work.chosen.values():
            if _invoice_evidence(column) is not None:
                work.chosen["invoice_no"] = column
                work.proposals["invoice_no"] = Proposal(
                    [column.name], "look here", ["nothing else numbers the orders"]
                )
            return


def _add_fallbacks(work: _Work) -> None:
    """Name the columns that stand in where a field's own is blank."""
    taken = {column.name for column in work.chosen.values()}
    for name, evidence in (
        ("customer_id", _customer_evidence),
        ("country", _country_evidence),
    ):
        column = work.chosen.get(name)
        if column is None:
            continue
        for other in work.columns:
            extra = evidence(other)
            if (
                other.name not in taken
                and extra is not None
                and names.points(name, other.name) >= 3
                and _is_stand_in(name, column, other)
            ):
                work.proposals[name].columns.append(other.name)
                break
    code, text = work.chosen.get("stock_code"), work.chosen.get("description")
    if code is not None and code is not text:
        codes = [
            one.column for one in work.ranked("stock_code", _code_evidence) if one.score >= LIKELY
        ]
        for other in [*codes, *([text] if text is not None else [])]:
            if any(not one and two for one, two in zip(code.rows, other.rows, strict=True)):
                work.proposals["stock_code"].columns.append(other.name)
                break


def _is_stand_in(name: str, column: Column, other: Column) -> bool:
    """Return whether another column is of the same kind, and filled where the first is blank."""
    if name == "country":
        return any(not one and two for one, two in zip(column.rows, other.rows, strict=True))
    kinds = [names.said(one.name).meanings for one in (column, other)]
    if not ("email" in kinds[0] or column.is_email) or not {"email", "phone"} & kinds[1]:
        return False
    if "shipping" in kinds[1]:
        return False
    return any(not one and two for one, two in zip(column.rows, other.rows, strict=True))


_MONEY_FIELDS = {"unit_price", "line_amount"}
_ABSENT = {
    "invoice_no": "there is no invoice number: what a customer bought at one time is one order, "
    "and every line of nobody known",
    "stock_code": "there is no product: all lines are of one, (NONE)",
    "quantity": "there is no quantity: a line counts as one unit",
}
_MISSING = {
    "invoice_date": "no column is known to hold the day of an order: name it",
    "customer_id": "no column is known to say who bought: name it",
    "line_amount": "no column is known to hold a price or an amount: name it",
}


def _drafted(work: _Work) -> Draft:
    draft = Draft(notes=work.notes, proposals=work.proposals)
    order = [name for name in FIELDS if name in work.proposals]
    chosen = {
        name: (
            work.proposals[name].columns
            if name in FALLBACK_FIELDS and len(work.proposals[name].columns) > 1
            else work.proposals[name].columns[0]
        )
        for name in order
    }
    draft.content["columns"] = chosen
    absent = [name for name in _ABSENT if name not in chosen]
    draft.is_lines = _are_lines(work)
    if (
        not draft.is_lines
        and {"stock_code", "quantity"} <= set(chosen)
        and not _MONEY_FIELDS & set(chosen)
    ):
        draft.notes.append(
            "these records have no amounts, and are not like lines of orders: what they cost may "
            "stand in another file or on another sheet"
        )
    elif not draft.is_lines:
        draft.notes.append(
            "these records look like whole orders, payments or a list, and not like lines of "
            "orders: what is said of products and quantities will say little"
        )
    if absent:
        draft.content["absent"] = absent
    draft.notes += [_ABSENT[name] for name in absent]
    money = _MONEY_FIELDS & set(chosen)
    missing = [name for name in _MISSING if name not in chosen and not (money and "_a" in name)]
    draft.notes += [_MISSING[name] for name in missing]
    invoice = work.chosen.get("invoice_no")
    if invoice is not None:
        _draft_order(draft, work, invoice)
    if "unit_price" in chosen and "line_amount" not in chosen:
        _draft_discount(draft, work, invoice)
    once = work.once_per_order
    if once is not None and work.order_amount is None and "order_amount" not in draft.content:
        draft.notes.append(
            f"{once.name!a} stands once per order: it is no line's amount. To count it, write "
            f"order_amount: {_quoted(once.name)!r}"
        )
    numeric = [
        work.chosen[name] for name in ("unit_price", "line_amount", "quantity") if name in chosen
    ]
    _draft_formats(draft, work.chosen, numeric)
    return draft


def _are_lines(work: _Work) -> bool:
    """Return whether the records are order lines: a product, its quantity or price, its money."""
    money = work.chosen.get("line_amount") or work.chosen.get("unit_price")
    product = work.chosen.get("stock_code")
    is_dated = {"invoice_no", "invoice_date"} & set(work.chosen)
    if money is None or product is None or not is_dated or work.order_amount is not None:
        return False
    bare = [names.said(column.name).meanings for column in work.columns]
    if all({one} in bare for one in ("fee", "gross", "net")):
        return False
    quantity = work.chosen.get("quantity")
    if quantity is None:
        said = names.said(money.name).meanings
        return "invoice_no" in work.chosen and "price" in said and "unit" not in said
    both = sum(bool(one and two) for one, two in zip(quantity.rows, money.rows, strict=True))
    return 2 * both >= len(money.rows)


def _draft_order(draft: Draft, work: _Work, invoice: Column) -> None:
    """Say what an order states once, on its first line or on all of them."""
    amount = work.order_amount
    if amount is not None:
        several = [rows for rows in _orders(amount, invoice) if len(rows) > 1]
        if len(several) >= REPEATING_INVOICES:
            draft.content["order_amount"] = _quoted(amount.name)
            draft.notes.append(
                f"{amount.name!a} is the same on every line of an invoice: it is taken for the "
                "invoice's total and divided among its lines"
            )
    once = [
        name
        for name in ("invoice_date", "customer_id", "country", "cancelled", "status")
        if name in draft.content["columns"]
        and name in ONCE_PER_ORDER_FIELDS
        and _is_on_first_line(work.chosen[name], invoice)
    ]
    if once:
        draft.content["once_per_order"] = once
        draft.notes.append(
            f"{', '.join(once)} stand on the first line of an order only: blanks take its value"
        )


def _draft_discount(draft: Draft, work: _Work, invoice: Column | None) -> None:
    """Say that prices are before a discount, and count it where arithmetic proves it."""
    for column in work.columns:
        meanings = names.said(column.name).meanings
        amounts = [amount for amount in column.decimals if amount]
        if "discount" not in meanings or meanings & {"code", "net"} or not amounts:
            continue
        named = _quoted(column.name)
        if _is_once_per_order(column, invoice):
            before = _amount_before(work, column, invoice)
            if before is not None and "order_amount" not in draft.content:
                draft.content["order_amount"] = f"{_quoted(before.name)} - {named}"
                less = f"{sum(map(abs, amounts)):,.2f}"
                draft.notes.append(
                    f"{column.name!a} takes {less} off {before.name!a}, as a total of the orders "
                    "shows: what is left is divided among the lines"
                )
                return
            way_out = f"order_amount: '… - {named}'"
        elif all(0 < amount <= 1 for amount in amounts):
            quantity, price = (
                _quoted(work.chosen[name].name) if name in work.chosen else "1"
                for name in ("quantity", "unit_price")
            )
            way_out = f"derived: {{line_amount: '{quantity} * {price} * (1 - {named})'}}"
        else:
            way_out = f"derived: {{line_amount: '… - {named}'}}"
        draft.notes.append(
            f"{column.name!a} says of discounts, and does not count: if prices are before them, "
            f"write {way_out}"
        )
        return


def _amount_before(work: _Work, discount: Column, invoice: Column | None) -> Column | None:
    """Return the amount of an order that, less its discount, gives another amount of it."""
    of_orders = [
        column
        for column in work.columns
        if column is not discount and column.is_number and _is_once_per_order(column, invoice)
    ]
    subtotals = [one for one in of_orders if "subtotal" in names.said(one.name).meanings]
    totals = [one for one in of_orders if "total" in names.said(one.name).meanings]
    added = [one for one in of_orders if names.said(one.name).meanings & {"shipping", "tax"}]
    for before, total in itertools.product(subtotals, totals):
        orders = [
            (whole, amount - abs(less), [one.decimals[at] or Decimal(0) for one in added])
            for at, (whole, amount, less) in enumerate(
                zip(total.decimals, before.decimals, discount.decimals, strict=True)
            )
            if whole is not None and amount is not None and less
        ]
        holds = sum(
            any(abs(whole - left - more) <= CENT for more in {Decimal(0), sum(parts), *parts})
            for whole, left, parts in orders
        )
        if before is not total and len(orders) >= FEW_RECORDS and holds >= MOST * len(orders):
            return before
    return None


def _is_on_first_line(column: Column, invoice: Column) -> bool:
    """Return whether a column is filled on the first line of every order only."""
    orders = list(_orders(column, invoice))
    later = [value for rows in orders for value in rows[1:]]
    return bool(later) and not any(later) and any(rows[0] for rows in orders)


def identity_notes(customer: Column, invoice: Column) -> list[str]:
    """Note odd customer ids: one with many of the orders, two that are one."""
    notes = []
    orders = Counter(
        who
        for who, _ in {
            (who, number)
            for who, number in zip(customer.rows, invoice.rows, strict=True)
            if who and number
        }
    )
    total = sum(orders.values())
    for who, count in orders.most_common(1):
        if total >= GUEST_ORDERS and count > GUEST_SHARE * total and len(orders) > 2:
            notes.append(
                f"one customer, {who[:40]!a}, has {count:,} of {total:,} orders: if it stands for "
                "guests, name it among the words for nobody"
            )
    spellings: dict[str, set[str]] = defaultdict(set)
    for who in orders:
        folded = who.casefold()
        spellings[folded.lstrip("0") or folded].add(who)
    twins = [sorted(same) for same in spellings.values() if len(same) > 1]
    if twins:
        one, other = min(twins)[:2]
        notes.append(
            f"{len(twins):,} customers are written in ways that differ only in case or leading "
            f"zeros, such as {one[:40]!a} and {other[:40]!a}"
        )
    return notes


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


def _draft_formats(draft: Draft, chosen: dict[str, Column], numeric: Sequence[Column]) -> None:
    values = [value for column in numeric for value in column.numbers]
    style = number_style(values)
    if style is not None:
        decimal, thousands = style
        if decimal != ".":
            draft.content["decimal"] = decimal
        if thousands is not None:
            draft.content["thousands"] = thousands
            if all(re.fullmatch(r"[+-]?\d{1,3}([,.]\d{3})?", value) for value in values):
                draft.notes.append(
                    f'"{thousands}" is taken for the mark between thousands; if it is the '
                    "decimal mark, say so"
                )
    currencies = {code for column in numeric for code in column.currencies}
    if "currency" in chosen or len(currencies) != 1:
        return
    code = currencies.pop()
    if code in SIGNS:
        draft.content["currency"] = code
    else:
        draft.notes.append(f"the sign of the amounts is of several currencies, {code}: name one")


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
