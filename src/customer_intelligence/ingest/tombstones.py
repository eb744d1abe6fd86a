"""Who was erased and must not come back: salted hashes, never the ids themselves."""

import datetime as dt
import hashlib
import json
import os
import secrets
import stat
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
        `salt` (hexadecimal), `erasures` (how often somebody was erased) and `customers`: a list of
        `hash` and `requested_at` (ISO, UTC).

    Raises
    ------
    CustomerIntelligenceError
        `E_TOMBSTONES` when the file is anything but such a list: taken for no list at all, it
        would bring back who was erased.
    """
    path = raw / TOMBSTONES_FILE
    try:
        found = json.loads(_read_file(path))
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


def _read_file(path: Path) -> str:
    # No link is followed, and a pipe does not make anybody wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no file")
        return file.read()


def customer_hash(salt: str, customer_id: str) -> str:
    """Return the hash that stands for a customer id as the raw layer stores it."""
    return hashlib.sha256(bytes.fromhex(salt) + customer_id.encode()).hexdigest()


def is_erased(raw: Path, *customer_ids: str) -> bool:
    """Tell whether there is a tombstone for one of the ids that may stand for a customer."""
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
    pending = raw / f".{TOMBSTONES_FILE}"
    pending.unlink(missing_ok=True)
    descriptor = os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    pending.replace(raw / TOMBSTONES_FILE)
    directory = os.open(raw, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


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
