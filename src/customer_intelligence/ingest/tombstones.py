"""Who was erased and must not come back: salted hashes, never the ids themselves."""

import datetime as dt
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError

TOMBSTONES_FILE = "tombstones.json"

# Stands in place of a quarantined record's source values when they name who was erased.
WITHHELD = '{"withheld":"erased"}'


def read_tombstones(raw: Path) -> dict[str, Any] | None:
    """Return the salt and the hashes of a raw layer, or None when nobody was erased.

    Returns
    -------
    dict or None
        `salt` (hexadecimal) and `customers`: a list of `hash` and `requested_at` (ISO, UTC).

    Raises
    ------
    CustomerIntelligenceError
        `E_DATA_DIR` when the file is damaged: without it, who was erased would come back.
    """
    path = raw / TOMBSTONES_FILE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        bytes.fromhex(found["salt"])
        [(entry["hash"], entry["requested_at"]) for entry in found["customers"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{path}, the list of erased customers, cannot be read: {error}.",
            "Restore it from a backup; without it, erased customers would come back.",
        ) from error
    return found


def customer_hash(salt: str, customer_id: str) -> str:
    """Return the hash that stands for a customer id as the raw layer stores it."""
    return hashlib.sha256(bytes.fromhex(salt) + customer_id.encode()).hexdigest()


def is_erased(raw: Path, customer_id: str) -> bool:
    """Tell whether there is a tombstone for a customer id as the raw layer stores it."""
    found = read_tombstones(raw)
    if found is None:
        return False
    wanted = customer_hash(found["salt"], customer_id)
    return any(entry["hash"] == wanted for entry in found["customers"])


def add_tombstone(raw: Path, customer_id: str, now: dt.datetime) -> None:
    """Add a customer id to the tombstones, or renew it; written whole or not at all."""
    found = read_tombstones(raw) or {"salt": secrets.token_hex(16), "customers": []}
    wanted = customer_hash(found["salt"], customer_id)
    others = [entry for entry in found["customers"] if entry["hash"] != wanted]
    found["customers"] = [*others, {"hash": wanted, "requested_at": now.isoformat()}]
    pending = raw / f".{TOMBSTONES_FILE}"
    with pending.open("w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    pending.replace(raw / TOMBSTONES_FILE)
    descriptor = os.open(raw, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_erasure(raw: Path) -> str | None:
    """Return the time of the last erasure as versions state time, or None without any."""
    found = read_tombstones(raw)
    if found is None or not found["customers"]:
        return None
    moment = dt.datetime.fromisoformat(max(entry["requested_at"] for entry in found["customers"]))
    return moment.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
