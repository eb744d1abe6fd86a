"""Which columns are chosen for which fields, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_intelligence.check_data.draft.column import Column
from customer_intelligence.check_data.draft.evidence import EVIDENCE
from customer_intelligence.ingest import names

# A score of so many is proposed, is likely, is certain; and so far ahead of the next column.
PROPOSED, LIKELY, CERTAIN, AHEAD = 5, 7, 9, 2


@dataclass
class Proposal:
    """Which columns a field is taken from, and how sure that is."""

    columns: list[str]
    """The first counts; the next stand in where it is blank."""
    verdict: str
    reasons: list[str]


@dataclass
class Draft:
    """A mapping as it would be written, and what a person should know about it."""

    content: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    is_lines: bool = True
    """Whether the records are lines of orders, and not whole orders, payments or products."""


@dataclass(frozen=True)
class Candidate:
    """A column that may be a field, with its points and the reasons for them."""

    column: Column
    score: int
    reasons: tuple[str, ...]


class Work:
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
        least: int = PROPOSED,
    ) -> list[Candidate]:
        """Return the columns that may be a field, the likeliest first."""
        taken = {column.name for column in self.chosen.values()}
        found = []
        for column in self.columns:
            if column.name in taken:
                continue
            by_name = names.points(name, column.name)
            seen = EVIDENCE[name](column)
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
                found.append(Candidate(column, score, (*reasons, *([why] if why else []))))
        # The first of equals: what matters stands further left in most exports.
        return sorted(found, key=lambda candidate: -candidate.score)

    def choose(self, name: str) -> Column | None:
        """Choose the likeliest column for a field, if there is one."""
        ranked = self.ranked(name)
        if not ranked:
            return None
        self.take(name, ranked)
        return self.chosen[name]

    def take(self, name: str, ranked: Sequence[Candidate], *, is_proven: bool = False) -> None:
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


def categories(work: Work) -> list[Column]:
    """Return columns that group products, to be used if there is no column of products."""
    return [
        column
        for column in work.columns
        if "category" in (said := names.said(column.name)).meanings
        and said.meanings <= {"category", "name", "product"}
        and not column.is_number
    ]
