"""What the mappings of a data directory's files say of the shop, for every later build."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Keep what a mapping said, whole or not at all; for each var the newest word counts."""
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
