"""The raw layer on disk: numbered, immutable loads that appear whole or not at all."""

import contextlib
import datetime as dt
import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import (
    CAMPAIGNS,
    LOAD_NAME,
    LOADING_PREFIX,
    MANIFEST_FILE,
    RAW,
    ROWS_FILE,
    SAMPLE_CAMPAIGNS,
    SHOP_FILE,
)
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.apart import Apart, listed, quarantined, warnings

_SHA256 = re.compile("[0-9a-f]{64}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadResult:
    """The result of loading one file."""

    source_file: str
    load_id: str
    path: Path
    records: int
    quarantined: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Quarantined records per reason; one record may have several."""
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    """Money of the quarantined records per reason, as far as it can be read."""
    notes: tuple[str, ...] = ()
    first_source_file: str | None = None
    """Name under which the same content was loaded before; None when it is new."""
    warning: str | None = None
    """What is probably wrong when most of the records could not be read."""
    accepted_amount: Decimal = Decimal(0)
    """Money of the records that were read, whatever its sign."""

    @property
    def accepted(self) -> int:
        """Records without any reason against them."""
        return self.records - self.quarantined

    def summary(self) -> str:
        """Return the line to show at the end, with a warning below it if there must be one."""
        if self.first_source_file is not None:
            return (
                f"skipped {self.source_file}: same content as load {self.load_id} "
                f"({self.first_source_file}, {self.records:,} records)"
            )
        loaded = (
            f"loaded {self.source_file}: {self.records:,} records, "
            f"{self.quarantined:,} quarantined -> load {self.load_id}"
        )
        apart = quarantined(self.reasons, self.amounts)
        if apart:
            loaded += f"\nset apart: {listed(apart)}"
        if self.warning is not None:
            return f"{loaded}\n{self.warning}"
        read = Apart("", "read", "sales", self.accepted, self.accepted_amount)
        return "\n".join([loaded, *(f"WARNING: {said}" for said in warnings([read, *apart]))])


@contextlib.contextmanager
def open_raw(data_dir: Path) -> Iterator[Path]:
    """Lock the raw layer for one load and remove what a killed load left behind.

    Yields
    ------
    Path
        ``<data_dir>/raw``. Directories made here are removed again if they stay empty.

    Raises
    ------
    CustomerIntelligenceError
        E_LOCKED when another process is loading, E_DATA_DIR when the directory cannot be used.
    """
    raw = data_dir / RAW
    missing = [path for path in (raw, data_dir, *data_dir.parents) if not path.exists()]
    try:
        raw.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(raw, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"{data_dir} cannot be used as a data directory: {error.strerror}.",
            "Give a directory that may be written to.",
        ) from error
    try:
        # The lock is on the directory itself: it leaves no file and ends with the process.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _locked(raw) from error
        for leftover in raw.glob(f"{LOADING_PREFIX}*"):
            shutil.rmtree(leftover)
        settle_shop(data_dir)
        yield raw
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        os.close(descriptor)


@contextlib.contextmanager
def temporary_load(raw: Path) -> Iterator[Path]:
    """Yield a new directory inside `raw`, removed at the end unless it was published."""
    directory = raw / f"{LOADING_PREFIX}{os.getpid()}"
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def read_manifests(raw: Path) -> list[dict[str, Any]]:
    """Return the manifests of all loads, oldest first, each verified against its files.

    Raises
    ------
    CustomerIntelligenceError
        E_DAMAGED_LOAD when a load is not whole, with its name and the way out.
    """
    manifests = [
        _read_manifest(path)
        for path in sorted(raw.iterdir() if raw.exists() else [])
        # Whatever looks like a load must be one; notes that people leave here may stay.
        if path.name[0].isdigit() or (path / ROWS_FILE).exists() or (path / MANIFEST_FILE).exists()
        if not path.name.startswith(LOADING_PREFIX)
    ]
    numbers = [manifest["load_number"] for manifest in manifests]
    for manifest in manifests:
        if numbers.count(manifest["load_number"]) > 1:
            raise _damaged(raw / str(manifest["load_id"]), "has the number of another load")
    return sorted(manifests, key=lambda manifest: manifest["load_number"])


def _read_manifest(path: Path) -> dict[str, Any]:
    name = LOAD_NAME.fullmatch(path.name)
    if name is None or path.is_symlink():
        raise _damaged(path, "has no name that a load gives itself")
    try:
        manifest = json.loads(files.read_text(path / MANIFEST_FILE))
        wrong = _first_wrong(manifest, path.name, int(name[1]), name[2])
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"has no readable {MANIFEST_FILE} ({error})") from error
    if wrong is not None:
        raise _damaged(path, f"has a {MANIFEST_FILE} whose {wrong} cannot be")
    # Here, so that a list can be written where nothing builds.
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        with files.open_regular(path / ROWS_FILE) as file:
            rows = pq.read_metadata(file).num_rows
    except (OSError, ValueError, ArrowException) as error:
        raise _damaged(path, f"has no readable {ROWS_FILE} ({error})") from error
    if rows != manifest["records"]:
        raise _damaged(
            path, f"has {rows:,} rows where its {MANIFEST_FILE} says {manifest['records']:,}"
        )
    return dict(manifest)


def _first_wrong(manifest: object, load_id: str, number: int, hash_start: str) -> str | None:
    """Return the first key of a manifest whose value no load would have written."""
    if not isinstance(manifest, dict):
        return "content"

    def is_count(key: str) -> bool:
        return type(manifest.get(key)) is int and manifest[key] >= 0

    def is_text(key: str) -> bool:
        return isinstance(manifest.get(key), str)

    sha256 = manifest.get("file_sha256")
    right = {
        "load_id": manifest.get("load_id") == load_id,
        "load_number": is_count("load_number") and manifest["load_number"] == number > 0,
        "file_sha256": is_text("file_sha256")
        and _SHA256.fullmatch(str(sha256)) is not None
        and str(sha256).startswith(hash_start),
        "source_file": is_text("source_file"),
        "records": is_count("records"),
        "quarantined": is_count("quarantined") and is_count("accepted"),
        "accepted": is_count("accepted")
        and is_count("quarantined")
        and is_count("records")
        and manifest["accepted"] + manifest["quarantined"] == manifest["records"],
        "reasons": isinstance(manifest.get("reasons"), dict),
        "mapping": isinstance(manifest.get("mapping"), dict),
        "columns": isinstance(manifest.get("columns"), dict),
        "pseudonym_key": manifest.get("pseudonym_key") is None or is_text("pseudonym_key"),
        "loaded_at": is_text("loaded_at") and _is_moment(str(manifest["loaded_at"])),
    }
    return next((key for key, is_right in right.items() if not is_right), None)


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _damaged(path: Path, what: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_DAMAGED_LOAD",
        f"The load {path.name!r} in {path.parent} {what}.",
        "Restore it from a backup, or remove that directory and add its file again.",
    )


def publish(directory: Path, manifest: Mapping[str, Any], shop: str | None) -> Path:
    """Make a temporary load final: synced to disk, then renamed in one step.

    Parameters
    ----------
    directory : Path
        The temporary load, with its rows.
    manifest : mapping
    shop : str, optional
        Text of ``shop.yml``, which comes to be with this load: the rename of the load is the
        commit of both, and `settle_shop` completes it.

    Returns
    -------
    Path
        The load's directory.
    """
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    (directory / MANIFEST_FILE).write_text(text, encoding="utf-8")
    names = [ROWS_FILE, MANIFEST_FILE]
    if shop is not None:
        (directory / SHOP_FILE).write_text(shop, encoding="utf-8")
        names.append(SHOP_FILE)
    for path in (*(directory / name for name in names), directory):
        files.sync(path)
    if manifest["load_number"] == 1:
        _set_sample_campaigns_aside(directory.parent.parent)
    final = directory.parent / str(manifest["load_id"])
    directory.replace(final)
    files.sync(directory.parent)
    settle_shop(directory.parent.parent)
    return final


def settle_shop(data_dir: Path) -> None:
    """Move ``shop.yml`` from the load that wrote it to its place in the data directory.

    Whoever reads loads or rules calls this first, so that a load that was killed after its commit
    has left both.
    """
    place = data_dir / SHOP_FILE
    for pending in sorted((data_dir / RAW).glob(f"[0-9]*/{SHOP_FILE}")):
        # Another process may do the same at this moment.
        with contextlib.suppress(FileNotFoundError):
            if os.path.lexists(place):
                pending.unlink()
            else:
                pending.replace(place)
        files.sync(data_dir)


def _set_sample_campaigns_aside(data_dir: Path) -> None:
    """Set campaigns of the bundled sample aside: their ids may occur in the shop that is loaded."""
    campaigns = data_dir / CAMPAIGNS
    aside = campaigns / SAMPLE_CAMPAIGNS
    for assignment in campaigns.glob("*.parquet"):
        aside.mkdir(exist_ok=True)
        assignment.rename(aside / assignment.name)
        _LOG.info("campaign started before the first load, set aside: %s", aside / assignment.name)


def _locked(raw: Path) -> CustomerIntelligenceError:
    names = [path.name for path in raw.glob(f"{LOADING_PREFIX}*")]
    holder = names[0].removeprefix(LOADING_PREFIX) if names else "unknown"
    return CustomerIntelligenceError(
        "E_LOCKED",
        f"Another process (id {holder}) is adding a load to {raw}.",
        "Wait for it to finish, then try again.",
    )
