"""The table of counts: on screen, as JSON, and in `docs/reliability.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .lab import Outcome
from .proofs import Row
from .shop_directory import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / "docs" / "reliability.json"
BEGIN, END = "<!-- begin counts -->", "<!-- end counts -->"


@dataclass(frozen=True)
class Result:
    """A row of the table as it was measured."""

    promise: str
    promised: str
    done: str
    counts: dict[str, int]
    notes: list[str]
    failures: list[str]
    command: str

    def counted(self) -> str:
        texts = [f"{count:,} {name}" for name, count in self.counts.items()]
        return "; ".join([", ".join(texts), *self.notes])


def judge(row: Row, rows: tuple[Row, ...], outcome: Outcome, *, is_full: bool) -> Result:
    """Take a row's counts and failures out of the outcome of its proof."""
    counts = {name: outcome.counts[name] for name in row.counted}
    # What is not said to be of another row is a failure of the first.
    others = tuple(f"{other.promise}:" for other in rows if other is not row)
    failures = [
        text
        for text in outcome.failures
        if text.startswith(f"{row.promise}:") or (row is rows[0] and not text.startswith(others))
    ]
    was_skipped = any(note.startswith("skipped") for note in outcome.notes)
    if is_full and not was_skipped:
        failures += [
            f"too few {name}: {counts[name]:,} of {least:,}"
            for name, least in row.least.items()
            if counts[name] < least
        ]
    return Result(
        row.promise,
        row.promised,
        row.done,
        counts,
        sorted(set(outcome.notes)),
        failures,
        f"make test-faults ONLY={row.promise}",
    )


def table(results: Iterable[Result]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| # | Promise | What was done | Count | Failures | Command |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {result.promise} | {result.promised} | {result.done} | {result.counted()} "
        f"| {len(result.failures)} | `{result.command}` |"
        for result in results
    ]
    return "\n".join(lines)


def as_json(results: Iterable[Result]) -> str:
    return json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False) + "\n"


def write(results: Iterable[Result], document: Path = DOCUMENT, path: Path = RESULTS) -> None:
    """Put results in the place of earlier ones of the same rows, and draw the table again."""
    earlier = [Result(**row) for row in json.loads(path.read_text())] if path.exists() else []
    rows = {(result.promise, result.promised): result for result in [*earlier, *results]}
    merged = sorted(rows.values(), key=lambda result: (int(result.promise[1:]), result.promised))
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    document.write_text(f"{before}{BEGIN}\n{table(merged)}\n{END}{after}", encoding="utf-8")
    path.write_text(as_json(merged), encoding="utf-8")
