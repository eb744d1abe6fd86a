"""The dbt vars of a build, as JSON: those of the shop, and on top of them those that were given.

``python -m customer_intelligence.build_vars --data-dir DIR --vars '{name: value}'``
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.shop import read_vars


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the vars of a build as JSON; 2 when they cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m customer_intelligence.build_vars")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--vars", default="{}", help="vars of this build, as YAML")
    options = parser.parse_args(arguments)
    try:
        given = yaml.safe_load(options.vars) or {}
        if not isinstance(given, dict):
            raise ValueError("no mapping")
        print(json.dumps({**read_vars(options.data_dir / "raw"), **given}, default=str))
    except (ValueError, yaml.YAMLError):
        print(
            f"E_BAD_VARS: VARS is {options.vars!r}. Write VARS='{{name: value}}'.", file=sys.stderr
        )
        return 2
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
