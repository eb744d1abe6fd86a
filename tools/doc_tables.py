"""Tables in Markdown files that come from the published marts.

    python -m tools.doc_tables --data-dir DIR FILE …

A table stands between two comments, the first of which holds its query:

    <!-- table: select model, value from rpt_churn_metrics -->
    ...
    <!-- end table -->

The query says which figures, so that the text around it and its numbers cannot part. Where readers
should see the query, it stands right above, in a block of SQL, and the comment is `<!-- table -->`.
dbt's docs show comments, and know texts by blocks: they get a copy (`doc_blocks`).

Queries read the published marts; with `--analyses` they read the analyses, each under its own name,
as `dbt compile` left them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import decimal
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb

from customer_intelligence import open_marts
from customer_intelligence.cli.ending import ended
from customer_intelligence.data_dir.layout import BUILD, WORK_DATABASE
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
            "See tools/doc_tables.py for both forms.",
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
    build = data_dir / BUILD
    compiled = sorted((build / "target/compiled/customer_intelligence/analyses").glob("*.sql"))
    if not compiled or not (build / WORK_DATABASE).exists():
        raise CustomerIntelligenceError(
            "E_NOT_COMPILED", f"{build} holds no compiled analyses.", "Run `make methodology`."
        )
    work = duckdb.connect(build / WORK_DATABASE, read_only=True)
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


def main() -> None:
    """Fill the tables of the files named."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.doc_tables",
        description="Fill the tables of Markdown files from the published marts.",
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+", help="Markdown files")
    parser.add_argument(
        "--analyses", action="store_true", help="read the compiled analyses, not the marts"
    )
    parser.add_argument(
        "--blocks",
        type=Path,
        help="file of dbt doc blocks to make of the files in docs/methodology",
    )
    options = parser.parse_args()
    opened = open_analyses if options.analyses else open_marts
    with opened(options.data_dir) as marts:
        for file in options.files:
            file.write_text(filled(file.read_text("utf-8"), marts), "utf-8")
    if options.blocks:
        pages = [file for file in options.files if file.parent.name == "methodology"]
        options.blocks.write_text(doc_blocks(pages), "utf-8")


if __name__ == "__main__":
    sys.exit(ended(main))
