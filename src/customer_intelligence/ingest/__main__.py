"""Command line: ``python -m customer_intelligence.ingest FILE --data-dir DIR [--mapping FILE]``."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.pipeline import ingest_file
from customer_intelligence.ingest.presets import find_mapping


def main(arguments: Sequence[str] | None = None) -> int:
    """Add one file to the raw layer.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line arguments; by default those of the process.

    Returns
    -------
    int
        0 when the file was loaded or had been loaded before, 2 when it was refused.
    """
    parser = argparse.ArgumentParser(
        prog="python -m customer_intelligence.ingest",
        description="Add one Parquet, CSV or XLSX file of invoice lines to the raw layer.",
    )
    parser.add_argument("file", type=Path, help="the file to read")
    parser.add_argument("--data-dir", type=Path, required=True, help="directory that holds raw/")
    parser.add_argument(
        "--mapping", help="mapping.yml naming columns and formats, or the name of a preset"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        mapping = find_mapping(options.mapping) if options.mapping else None
        result = ingest_file(options.file, options.data_dir, mapping)
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    print(result.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
