"""Which columns are the price and the amount of a line: by name, and by arithmetic between them."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from customer_intelligence.check_data.draft.choosing import (
    CERTAIN,
    LIKELY,
    PROPOSED,
    Candidate,
    Work,
    categories,
)
from customer_intelligence.check_data.draft.column import FEW_RECORDS, MOST, Column
from customer_intelligence.check_data.draft.orders import is_of_order, is_once_per_order
from customer_intelligence.ingest import names

# Where arithmetic is asked, a name may say nothing.
LEAST = -2
# What arithmetic on prices with two decimals may differ by, for each unit and in all.
CENT = Decimal("0.01")


def choose_money(work: Work, quantity: Column | None, invoice: Column | None) -> None:
    """Choose what a line costs: a price, an amount, or both."""
    # What a name alone does not prove, arithmetic may.
    prices = work.ranked("unit_price", 1)
    found = work.ranked("line_amount", LEAST)
    of_lines = [one for one in found if not is_once_per_order(one.column, invoice)]
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
    totals = [one for one in found if not is_of_order(one.column, invoice)]
    of_order = [one for one in found if one not in totals]
    if quantity is None:
        _choose_without_quantity(work, prices, totals, of_order)
    else:
        _choose_by_name(work, quantity, prices, totals)
        if not {"unit_price", "line_amount"} & set(work.chosen) and of_order:
            _take_of_order(work, of_order)


def _choose_proven(
    work: Work,
    quantity: Column,
    prices: Sequence[Candidate],
    totals: Sequence[Candidate],
    invoice: Column | None,
) -> bool:
    """Choose a price and a total that arithmetic confirms."""
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
        candidate = Candidate(best.column, best.score, (*best.reasons, why))
        is_proven = not rivals and holds >= MOST * telling and telling > 1
        work.take(name, [candidate], is_proven=is_proven)
        if not is_proven:
            work.proposals[name].verdict = "likely"
    _tell_rivals(work, total, totals)
    return True


def _choose_by_name(
    work: Work, quantity: Column, prices: Sequence[Candidate], totals: Sequence[Candidate]
) -> None:
    """Choose a price or a total where no arithmetic ties them."""
    if prices and _is_of_line(work, quantity, prices[0].column):
        why = "it grows with the quantity of one product: it is what the line costs"
        best = prices[0]
        work.take(
            "line_amount",
            [Candidate(best.column, best.score, (*best.reasons, why))],
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
    work: Work,
    prices: Sequence[Candidate],
    totals: Sequence[Candidate],
    of_order: Sequence[Candidate],
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


def _take_of_order(work: Work, of_order: Sequence[Candidate]) -> None:
    work.take("line_amount", of_order)
    work.proposals["line_amount"].verdict = "look here"
    work.order_amount = of_order[0].column


def _tell_rivals(work: Work, taken: Candidate, totals: Sequence[Candidate]) -> None:
    """Note other columns that may be the amount, and how far they differ."""
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
        rounding = CENT * max(Decimal(1), abs(units))
        holds += abs(difference) <= rounding
        below += difference <= rounding
    return holds, telling, below


def _is_of_line(work: Work, quantity: Column, money: Column) -> bool:
    """Return whether an amount grows with the quantity of one and the same product."""
    ranked = work.ranked("stock_code") + work.ranked("description")
    products = [one.column for one in ranked] + categories(work)
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
