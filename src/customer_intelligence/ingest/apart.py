"""Amounts that do not count, in words: how much, why, and what to do if it is much."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from customer_intelligence.ingest.alarm import ADVICE, ADVICE_OTHERWISE, NO_LINE

# More than this share of the money in any one way is worth a warning.
WARNED_SHARE = Decimal("0.005")
QUARANTINE = "quarantine"
COUNTED = ("sales", "sales and customers", "returns", "returns and customers")
# What is merchandise of no kind, or no line, as a shop means it; told, and nothing to mend.
MEANT = ("non_product", NO_LINE)
WAYS_OUT = {
    "superseded": "a later load holds the same invoices; `invoice_numbers` where they are others",
    "exact_duplicate": "lines equal in all columns; `copies: count` in shop.yml counts them",
    "cancelled_order": (
        "the file says so: check `columns: {cancelled: …}` and `status` in the mapping, and the "
        "words under `statuses` in shop.yml"
    ),
    "test_order": "the words under `statuses` in shop.yml say which orders are tests",
    "bad_debt_adjustment": "`adjustment_prefix` in shop.yml; null where the letter means nothing",
    "stock_write_off": "negative quantities; `negative_lines_are_returns: true` in shop.yml",
    "zero_price": "the amount may stand in another column: `columns: {line_amount: …}`",
    "contradictory": (
        "signs contradict `cancellation_prefix` in shop.yml: null where the letter means nothing"
    ),
    "far_off": "their dates lie far from the rest: correct them, or load more of that time",
    "unclassified": "`codes` or `product_code_pattern` in shop.yml do not know these codes",
}
OTHER_WAY_OUT = "rpt_line_dispositions says what it means"


class Apart(NamedTuple):
    """What became of some lines."""

    way: str
    """A disposition, or the reason of a quarantine."""
    label: str
    counts_in: str
    lines: int
    amount: Decimal | None
    """None where no amount can be read."""

    @property
    def is_counted(self) -> bool:
        """Whether the lines count as sales or returns."""
        return self.counts_in in COUNTED


def money(amount: Decimal | None, currency: str | None = None) -> str:
    """Return an amount in words."""
    if amount is None:
        return "no amount that can be read"
    return f"{currency} {amount:,.2f}" if currency else f"{amount:,.2f}"


def quarantined(reasons: Mapping[str, int], amounts: Mapping[str, Decimal]) -> list[Apart]:
    """Return the quarantined records, the most frequent reason first."""
    return [
        Apart(reason, f"quarantined {reason}", QUARANTINE, records, amounts.get(reason))
        for reason, records in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def listed(ledger: Sequence[Apart]) -> str:
    """Return one line on what counts neither as sale nor as return, with the number of lines."""
    apart = [part for part in ledger if not part.is_counted]
    return " · ".join(f"{part.label} {money(part.amount)} ({part.lines:,})" for part in apart)


def warnings(ledger: Sequence[Apart]) -> list[str]:
    """Return a sentence for each reason for which much of the money does not count."""
    total = sum((abs(part.amount or Decimal(0)) for part in ledger), Decimal(0))
    said = []
    for part in ledger:
        if part.is_counted or part.way in MEANT or not part.lines:
            continue
        share = abs(part.amount or Decimal(0)) / total if total else Decimal(0)
        lines = sum(one.lines for one in ledger)
        # Of what has no amount to be read, only the lines can be weighed.
        is_much = share > WARNED_SHARE or (not part.amount and part.lines > WARNED_SHARE * lines)
        if is_much:
            is_unread = part.counts_in == QUARANTINE
            default = ADVICE.get(part.way, ADVICE_OTHERWISE) if is_unread else OTHER_WAY_OUT
            weight = f"{share:.1%} of the money" if part.amount else f"{part.lines:,} lines"
            way_out = WAYS_OUT.get(part.way, default)
            said.append(f"{part.label}: {weight} set apart. {way_out[:1].upper()}{way_out[1:]}")
    return said
