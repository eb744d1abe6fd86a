"""The arithmetic of the benchmark, and its part of docs/performance.md."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Names of steps where measurements are kept, and their words on the page.
WHOLE, DAY, LOAD, TABLES, SQL = "whole", "day", "load", "tables", "sql"
PARSE, START = "parse", "start"
PANDAS, POLARS, DUCKDB, SCAN, COPY = "pandas", "polars", "duckdb", "scan", "copy"
# Computed of other steps.
CUSTOMER_TABLES, ALL_SQL = "customer tables", "all sql"
WORDS = {
    WHOLE: "whole build (`customer-intelligence build FILE`)",
    DAY: "one new day (the build after it)",
    LOAD: "loading the file alone",
    TABLES: "`dbt build --selector customer_tables`",
    SQL: "all SQL models (`dbt build --exclude path:python_models`, without tests)",
    PARSE: "dbt's first parse (`dbt list`)",
    START: "dbt's start (`dbt list` again)",
    CUSTOMER_TABLES: "customer tables (loading + selector − dbt's start)",
    ALL_SQL: "all SQL models (− dbt's start)",
    PANDAS: "pandas + scikit-learn notebook",
    POLARS: "polars pipeline",
    DUCKDB: "DuckDB SQL",
    COPY: "DuckDB's `COPY` of all columns",
    SCAN: "one scan of six columns",
}
BEGIN, END = "<!-- figures: make bench -->", "<!-- end figures -->"
DEAREST, SHORTEST = 20, 1.0
KINDS = {"python model": "Python models", "model": "SQL models", "test": "tests", "seed": "seeds"}
LEGEND = """
**How to read it.** A timing belongs to the machine and the hour in which it was taken: only ratios
within one run carry over to another machine. In a run each step is done once, the product's and the
peers' in turn, each in a process of its own. CPU seconds are user and system time of all processes
of a step. Figures are medians over the runs; brackets hold the least and the most. Peak is the
largest sum of resident memory, looked at every 50 ms.

**What is compared.** Peers read the same Parquet and write three tables: customers with recency,
frequency and net revenue, cohorts by month, and months. Only the notebook fits models. The
product's are those of the selector `customer_tables` (`selectors.yml`), without tests; as a part of
the project they are not published. They hold more than the peers': the disposition of every
line, copies dropped, returns matched, scores at every month end. "All SQL models" makes every table
but those of Python models anew, from the lines on; what Python models gave is there from the build
before. The new day is the last day of the data, which the steps before it leave out.
"""

Row = dict[str, Any]


def ratio(over: Sequence[float], under: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of paired ratios, the least and the most of them."""
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def exponent(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return how a cost grows between two pairs of lines and cost: 1 is in proportion."""
    return math.log(second[1] / first[1]) / math.log(second[0] / first[0])


def filled(text: str, inserted: str) -> str:
    """Return a page with its figures replaced; what is written by hand around them stays."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"The page needs the lines {BEGIN} and {END} once each.")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{inserted.strip()}\n\n{END}{rest.partition(END)[2]}"


def figures(rows: list[Row], about: str) -> str:
    """Return the page's part with all figures.

    Parameters
    ----------
    rows : list of dict
        A row for a step in a run: copies, lines, customers, run, step, cpu, peak, wall, nodes.
    about : str
        What was measured, when, and with which versions.
    """
    sizes = sorted({row["copies"] for row in rows})
    parts = [about, LEGEND.strip()]
    for copies in sizes:
        of_size = [row for row in rows if row["copies"] == copies]
        runs = len({row["run"] for row in of_size})
        lines, customers = of_size[0]["lines"], of_size[0]["customers"]
        parts += [
            f"### {lines:,} lines, {customers:,} customers ({runs} run{'s' * (runs > 1)})",
            table(("Step", "CPU s", "peak GB", "elapsed s"), _costs(of_size)),
            table(("Ratio of CPU seconds", "median", "least to most"), _ratios(of_size)),
        ]
    parts += ["### Where a whole build spends its time", NODES.strip(), *_nodes(rows, sizes)]
    growth = _growth(rows, sizes)
    if growth:
        pairs = itertools.pairwise(sizes)
        header = ("Step", *(f"{_lines(rows, a)} → {_lines(rows, b)}" for a, b in pairs))
        parts += ["### Growth", GROWTH.strip(), table(header, growth)]
    return "\n\n".join(parts)


GROWTH = """
The exponent is the logarithm of the ratio of CPU seconds over that of lines. 1 is growth in
proportion to the lines; below 1, fixed costs weigh; above 1, the cost outgrows the data. Exponents
of nodes are those of their elapsed seconds, between the two largest sizes. Each exponent is the
median over the runs that have both sizes.
"""
NODES = """
Elapsed seconds of the nodes by dbt's own `run_results.json`. Two nodes run at a time, so seconds in
which a node waits for the other count in full.
"""


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table, whose first column holds words and the others figures."""
    names = list(header)
    rule = ["---", *["--:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, rule, *rows])


def _by_run(rows: list[Row], step: str, what: str = "cpu") -> dict[str, float]:
    return {row["run"]: row[what] for row in rows if row["step"] == step}


def _costs(rows: list[Row]) -> list[list[str]]:
    found = []
    for step, words in WORDS.items():
        cpu, peak, wall = (
            list(_by_run(rows, step, what).values()) for what in ("cpu", "peak", "wall")
        )
        if cpu:
            spread = f" ({min(cpu):.1f}–{max(cpu):.1f})" if len(cpu) > 1 else ""
            middle = f"{statistics.median(cpu):.1f}{spread}"
            found.append([words, middle, f"{max(peak):.2f}", f"{statistics.median(wall):.0f}"])
    return found


def _cost(rows: list[Row], step: str) -> dict[str, float]:
    """Return by run the CPU seconds of a step; of computed ones, without dbt's start."""
    added = {CUSTOMER_TABLES: (LOAD, TABLES), ALL_SQL: (SQL,)}.get(step)
    if added is None:
        return _by_run(rows, step)
    parts, start = [_by_run(rows, part) for part in added], _by_run(rows, START)
    runs = [run for run in start if all(run in part for part in parts)]
    return {run: sum(part[run] for part in parts) - start[run] for run in runs}


def _ratios(rows: list[Row]) -> list[list[str]]:
    pairs = [(CUSTOMER_TABLES, step) for step in (POLARS, DUCKDB)]
    pairs += [(WHOLE, PANDAS), (LOAD, COPY), (DAY, WHOLE)]
    compared = [
        (f"{WORDS[over]} ÷ {WORDS[under]}", _cost(rows, over), _cost(rows, under))
        for over, under in pairs
    ]
    (_, made, polars), (_, _, sql) = compared[:2]
    fastest = {run: min(polars[run], sql[run]) for run in polars if run in sql}
    compared[:0] = [
        (f"{WORDS[CUSTOMER_TABLES]} ÷ the faster of polars and DuckDB", made, fastest),
        (f"{WORDS[ALL_SQL]} ÷ the faster of polars and DuckDB", _cost(rows, ALL_SQL), fastest),
    ]
    found = []
    for words, over, under in compared:
        both = [run for run in over if run in under]
        if both:
            middle, least, most = ratio([over[run] for run in both], [under[run] for run in both])
            spread = f"{least:.2f}–{most:.2f}" if len(both) > 1 else ""
            found.append([words, f"{middle:.2f}", spread])
    return found


def _kind(node: str) -> str:
    return next((kind for start, kind in KINDS.items() if node.startswith(start)), "hooks")


def _nodes(rows: list[Row], sizes: list[int]) -> list[str]:
    """Return the tables of kinds and of nodes, with median seconds at every size."""
    steps = [(copies, step) for copies in sizes for step in (WHOLE, DAY)]
    medians = {key: _medians(rows, *key) for key in steps}
    shown = [key for key in steps if medians[key]]
    names = {WHOLE: "", DAY: ", new day"}
    header = [f"{_lines(rows, copies)}{names[step]}" for copies, step in shown]

    def add_up(key: tuple[int, str], kind: str) -> str:
        return f"{sum(s for node, s in medians[key].items() if _kind(node) == kind):.1f}"

    kinds = [[kind, *(add_up(key, kind) for key in shown)] for kind in (*KINDS.values(), "hooks")]
    wholes = [key for key in shown if key[1] == WHOLE]
    last = medians[wholes[-1]]
    dear = sorted((node for node in last if last[node] >= SHORTEST), key=lambda n: -last[n])
    listed = []
    for node in dear[:DEAREST]:
        cells = [f"{medians[key].get(node, 0):.1f}" for key in shown]
        if len(wholes) > 1:
            first, second = (key[0] for key in wholes[-2:])
            cells.append(_grown(rows, first, second, _of_node, node))
        listed.append([f"`{node.split('.')[2]}`", *cells])
    more = ["exponent"] if len(wholes) > 1 else []
    rest = [f"More nodes over {SHORTEST:g} s: {len(dear) - DEAREST}."] if dear[DEAREST:] else []
    return [
        table(("Nodes, s", *header), kinds),
        table((f"Dearest nodes over {SHORTEST:g} s", *header, *more), listed),
        *rest,
    ]


def _medians(rows: list[Row], copies: int, step: str) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["copies"] == copies and row["step"] == step:
            for node, seconds in row["nodes"].items():
                found.setdefault(node, []).append(seconds)
    return {node: statistics.median(seconds) for node, seconds in found.items()}


def _of_node(rows: list[Row], node: str) -> dict[str, float]:
    return {
        row["run"]: row["nodes"][node]
        for row in rows
        if row["step"] == WHOLE and row["nodes"].get(node)
    }


def _grown(
    rows: list[Row],
    first: int,
    second: int,
    cost: Callable[[list[Row], str], dict[str, float]],
    of: str,
) -> str:
    """Return the median exponent of the runs that have both sizes; nothing without any."""
    of_sizes = [[row for row in rows if row["copies"] == copies] for copies in (first, second)]
    before, after = (cost(of_size, of) for of_size in of_sizes)
    less, more = (of_size[0]["lines"] for of_size in of_sizes)
    found = [exponent((less, before[run]), (more, after[run])) for run in before if run in after]
    return f"{statistics.median(found):.2f}" if found else ""


def _growth(rows: list[Row], sizes: list[int]) -> list[list[str]]:
    found = []
    for step, words in WORDS.items():
        cells = [
            _grown(rows, first, second, _cost, step) for first, second in itertools.pairwise(sizes)
        ]
        found += [[words, *cells]] if any(cells) else []
    return found


def _of(rows: list[Row], copies: int) -> Row:
    return next(row for row in rows if row["copies"] == copies)


def _lines(rows: list[Row], copies: int) -> str:
    return re.sub(r"\.?0+ M", " M", f"{_of(rows, copies)['lines'] / 1e6:.2f} M")
