"""The dbt vars of a build, as JSON: those of the shop, and on top of them those that were given."""

import json
from pathlib import Path

import yaml

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.shop import read_vars


def build_vars(data_dir: Path, given: str | None = None) -> str:
    """Return the vars of a build as dbt takes them.

    Parameters
    ----------
    data_dir : Path
        The data directory, whose loads say what the shop's own vars are.
    given : str, optional
        Vars of this build, as YAML, which stand above the shop's.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_VARS` when what is given is no mapping, and those of `read_vars`.
    """
    try:
        found = yaml.safe_load(given or "{}") or {}
        if not isinstance(found, dict):
            raise ValueError("no mapping")
        return json.dumps({**read_vars(data_dir / "raw"), **found}, default=str)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError):
        raise CustomerIntelligenceError(
            "E_BAD_VARS", f"VARS is {given!r}.", "Write VARS='{name: value}'."
        ) from None
