"""Add a file to the loads, as `build FILE` does before it builds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from customer_intelligence.ingest.pipeline import ingest_file
from customer_intelligence.ingest.presets import find_mapping


def load_file(file: str | Path, data_dir: str | Path, mapping: str | None = None) -> None:
    """Load a file and print what was loaded.

    Parameters
    ----------
    file, data_dir : path
        The file of invoice lines, and the directory that holds `raw`.
    mapping : str, optional
        A mapping file or the name of a preset.

    Raises
    ------
    CustomerIntelligenceError
        When the file or the mapping is refused; nothing is loaded then.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    found = None if mapping is None else find_mapping(mapping)
    print(ingest_file(Path(file), Path(data_dir), found).summary(), flush=True)
