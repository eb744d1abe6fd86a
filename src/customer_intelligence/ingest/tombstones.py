"""Erased customers, who must not come back: salted hashes, never the ids themselves."""

import datetime as dt
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import TOMBSTONES_FILE
from customer_intelligence.errors import CustomerIntelligenceError

# Stands in place of a quarantined record's source values when they name who was erased.
WITHHELD = '{"withheld":"erased"}'


def read_tombstones(raw: Path) -> dict[str, Any] | None:
    """Return the salt and the hashes of a raw layer, or None when nobody was erased.

    Returns
    -------
    dict or None
        `salt` (hexadecimal), `erasures` (how often somebody was erased) and `customers`: a list of
        `hash` and `requested_at` (ISO, UTC).

    Raises
    ------
    CustomerIntelligenceError
        `E_TOMBSTONES` if the file is damaged: treated as empty, it
        would bring erased customers back.
    """
    path = raw / TOMBSTONES_FILE
    try:
        found: dict[str, Any] = json.loads(files.read_text(path))
        bytes.fromhex(found["salt"])
        for entry in found["customers"]:
            _ = entry["hash"] + entry["requested_at"]
            dt.datetime.fromisoformat(entry["requested_at"])
        # Files of earlier releases do not count; each of their customers was erased once.
        found.setdefault("erasures", len(found["customers"]))
        if type(found["erasures"]) is not int or found["erasures"] < len(found["customers"]):
            raise ValueError("erasures is no count of its customers")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        )
        raise CustomerIntelligenceError(
            "E_TOMBSTONES",
            f"{path}, the list of erased customers, cannot be read ({reason}).",
            "Restore it from a backup. Do not delete it: erased customers would come back with the "
            "next file that names them.",
        ) from error
    return found


def customer_hash(salt: str, customer_id: str) -> str:
    """Return the hash that stands for a customer id as the raw layer stores it."""
    return hashlib.sha256(bytes.fromhex(salt) + customer_id.encode()).hexdigest()


def is_erased(raw: Path, *customer_ids: str) -> bool:
    """Return whether there is a tombstone for one of the ids that may stand for a customer."""
    found = read_tombstones(raw)
    if found is None:
        return False
    wanted = {customer_hash(found["salt"], customer_id) for customer_id in customer_ids}
    return any(entry["hash"] in wanted for entry in found["customers"])


def add_tombstone(raw: Path, customer_id: str, now: dt.datetime) -> None:
    """Add a customer id to the tombstones, or renew it; written whole or not at all.

    Whoever adds one holds the raw layer.
    """
    found = read_tombstones(raw) or {"salt": secrets.token_hex(16), "erasures": 0, "customers": []}
    wanted = customer_hash(found["salt"], customer_id)
    others = [entry for entry in found["customers"] if entry["hash"] != wanted]
    found["customers"] = [*others, {"hash": wanted, "requested_at": now.isoformat()}]
    found["erasures"] += 1
    files.write_atomically(raw / TOMBSTONES_FILE, json.dumps(found, indent=2))


def erasure_number(raw: Path) -> int:
    """Return how often somebody was erased: it only grows, whatever the clock does.

    A version that was built at a lower number may name a customer who is erased by now.

    Raises
    ------
    CustomerIntelligenceError
        `E_TOMBSTONES`, see `read_tombstones`.
    """
    found = read_tombstones(raw)
    return 0 if found is None else found["erasures"]
