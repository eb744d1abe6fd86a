"""Fill the tables of Markdown files: ``python -m tools.doc_tables --data-dir DIR FILE …``."""

import argparse
import sys
from pathlib import Path

from customer_intelligence.cli.ending import ended
from customer_intelligence.doc_tables import doc_blocks, filled, open_analyses
from customer_intelligence.marts import open_marts


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
