"""What the mappings of a data directory's files say of the shop, for every later build.

``python -m customer_intelligence.ingest.shop --data-dir DIR --vars '{…}'`` prints the dbt vars of a
build: those of the shop, and on top of them those that were given.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from customer_intelligence.errors import CustomerIntelligenceError

VARS_FILE = "vars.json"


def read_vars(raw: Path) -> dict[str, Any]:
    """Return the dbt vars of the shop, empty where no mapping named any.

    Raises
    ------
    CustomerIntelligenceError
        E_DATA_DIR when the file is damaged.
    """
    path = raw / VARS_FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{path}, which holds the shop's vars, cannot be read: {error}.",
            "Remove it and load the newest file again with its mapping.",
        ) from error


def remember_vars(raw: Path, stated: Mapping[str, Any]) -> None:
    """Keep what a mapping said; for each var the newest word counts. Written whole or not at all."""
    before = read_vars(raw)
    now = {**before, **stated}
    if now == before:
        return
    pending = raw / f".{VARS_FILE}"
    with pending.open("w", encoding="utf-8") as file:
        json.dump(now, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    pending.replace(raw / VARS_FILE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the vars of a build as JSON; 2 when they cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m customer_intelligence.ingest.shop")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--vars", default="{}", help="vars of this build, as YAML")
    options = parser.parse_args(arguments)
    try:
        given = yaml.safe_load(options.vars) or {}
        if not isinstance(given, dict):
            raise ValueError("no mapping")
        print(json.dumps({**read_vars(options.data_dir / "raw"), **given}, default=str))
    except (ValueError, yaml.YAMLError):
        print(f"E_BAD_VARS: VARS is {options.vars!r}. Write VARS='{{name: value}}'.", file=sys.stderr)
        return 2
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
