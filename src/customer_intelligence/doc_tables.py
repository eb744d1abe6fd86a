"""Tables in Markdown files that come from the published marts.

A table stands between two comments, the first of which holds its query:

    <!-- table: select model, value from rpt_churn_metrics -->
    ...
    <!-- end table -->

The query produces the figures, so the text and its numbers cannot diverge. If readers should see
the query, put it right above in a block of SQL, with the comment `<!-- table -->`. dbt docs show
comments and take texts from doc blocks: they get a copy (`doc_blocks`).

Queries read the published marts; with `--analyses` they read the compiled analyses, each under its
own name.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Iterable
from pathlib import Path

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError

_TABLE = re.compile(
    r"(?P<begin>(?:```sql\n(?P<shown>[^`]*)```\n\n<!-- table|<!-- table:(?P<query>.*?)) ?-->\n)"
    r".*?(?P<end><!-- end table -->)",
    re.DOTALL,
)


def filled(text: str, marts: duckdb.DuckDBPyConnection) -> str:
    """Return the text with each table as the marts have it now.

    Parameters
    ----------
    text : str
        Markdown.
    marts : DuckDBPyConnection
        Of ``reading``.

    Returns
    -------
    str

    Raises
    ------
    CustomerIntelligenceError
        `E_TABLE` when a table has no query, or no end.
    """
    if len(_TABLE.findall(text)) != text.count("<!-- table"):
        raise CustomerIntelligenceError(
            "E_TABLE",
            "A table has no query right above it or in its comment, or no end.",
            "See customer_intelligence.doc_tables for both forms.",
        )

    def fill(match: re.Match[str]) -> str:
        marts.execute(match["shown"] or match["query"])
        names = [column[0] for column in marts.description or []]
        rows = [[_cell(value) for value in row] for row in marts.fetchall()]
        # Numbers are set to the right.
        is_number = [
            all(re.fullmatch(r"[-\d,.]*", row[i]) for row in rows) for i in range(len(names))
        ]
        rule = ["--:" if number else "---" for number in is_number]
        lines = ["| " + " | ".join(row) + " |" for row in [names, rule, *rows]]
        return match["begin"] + "\n" + "\n".join(lines) + "\n\n" + match["end"]

    return _TABLE.sub(fill, text)


def doc_blocks(files: Iterable[Path]) -> str:
    """Return the files as dbt's doc blocks, without comments.

    Parameters
    ----------
    files : iterable of Path
        Markdown; `lifetime-value.md` becomes the block `lifetime_value_methodology`.

    Returns
    -------
    str
    """
    return "\n".join(
        f"{{% docs {file.stem.replace('-', '_')}_methodology %}}\n"
        + re.sub(r"<!--.*?-->\n+", "", file.read_text("utf-8"), flags=re.DOTALL)
        + "{% enddocs %}\n"
        for file in sorted(files)
    )


def open_analyses(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open the work database, read-only, with a view for every compiled analysis.

    Parameters
    ----------
    data_dir : Path
        In which dbt built, and compiled the analyses.

    Returns
    -------
    DuckDBPyConnection

    Raises
    ------
    CustomerIntelligenceError
        If nothing was built or compiled.
    """
    build = data_dir / "build"
    compiled = sorted((build / "target/compiled/customer_intelligence/analyses").glob("*.sql"))
    if not compiled or not (build / "warehouse.duckdb").exists():
        raise CustomerIntelligenceError(
            "E_NOT_COMPILED", f"{build} holds no compiled analyses.", "Run `make methodology`."
        )
    work = duckdb.connect(build / "warehouse.duckdb", read_only=True)
    for file in compiled:
        work.execute(f'create temporary view "{file.stem}" as {file.read_text("utf-8")}')
    return work


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (float, decimal.Decimal)):
        return f"{value:,.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return value.isoformat() if isinstance(value, dt.date) else str(value)
