"""The raw layer on disk: numbered, immutable loads that appear whole or not at all."""

import contextlib
import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError

ROWS_FILE = "invoice_lines.parquet"
MANIFEST_FILE = "load.json"
_LOAD_NAME = re.compile(r"\d{4,}-[0-9a-f]{12}")
_LOG = logging.getLogger(__name__)
_TEMPORARY_PREFIX = ".tmp-"


@dataclass(frozen=True)
class LoadResult:
    """What became of one file."""

    source_file: str
    load_id: str
    path: Path
    records: int
    quarantined: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Quarantined records per reason; one record may have several."""
    notes: tuple[str, ...] = ()
    first_source_file: str | None = None
    """Name under which the same content was loaded before; None when it is new."""
    warning: str | None = None
    """What is probably wrong when most of the records could not be read."""

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
        return loaded if self.warning is None else f"{loaded}\n{self.warning}"


@contextlib.contextmanager
def open_raw(data_dir: Path) -> Iterator[Path]:
    """Hold the raw layer for one load and tidy up what a killed one left behind.

    Yields
    ------
    Path
        ``<data_dir>/raw``. Directories made here are removed again if they stay empty.

    Raises
    ------
    CustomerIntelligenceError
        E_LOCKED when another process is loading, E_DATA_DIR when the directory cannot be used.
    """
    raw = data_dir / "raw"
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
        for leftover in raw.glob(f"{_TEMPORARY_PREFIX}*"):
            shutil.rmtree(leftover)
        yield raw
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        os.close(descriptor)


@contextlib.contextmanager
def temporary_load(raw: Path) -> Iterator[Path]:
    """Yield a new directory inside `raw`, removed at the end unless it was published."""
    directory = raw / f"{_TEMPORARY_PREFIX}{os.getpid()}"
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def read_manifests(raw: Path) -> list[dict[str, Any]]:
    """Return the manifests of all loads, oldest first.

    Raises
    ------
    CustomerIntelligenceError
        E_DATA_DIR when a load has been damaged.
    """
    manifests = []
    for path in raw.iterdir():
        if _LOAD_NAME.fullmatch(path.name):
            try:
                text = (path / MANIFEST_FILE).read_text(encoding="utf-8")
                manifests.append(json.loads(text))
            except (OSError, ValueError) as error:
                raise CustomerIntelligenceError(
                    "E_DATA_DIR",
                    f"The load {path} has no readable {MANIFEST_FILE}: {error}.",
                    "Remove that directory and add its file again.",
                ) from error
    return sorted(manifests, key=lambda manifest: manifest["load_number"])


def publish(directory: Path, manifest: Mapping[str, Any]) -> Path:
    """Make a temporary load final: synced to disk, then renamed in one step.

    Returns
    -------
    Path
        The load's directory.
    """
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    (directory / MANIFEST_FILE).write_text(text, encoding="utf-8")
    for path in (directory / ROWS_FILE, directory / MANIFEST_FILE, directory):
        _sync(path)
    if manifest["load_number"] == 1:
        _set_sample_campaigns_aside(directory.parent.parent)
    final = directory.parent / str(manifest["load_id"])
    directory.replace(final)
    _sync(directory.parent)
    return final


def _set_sample_campaigns_aside(data_dir: Path) -> None:
    """Keep campaigns of the bundled sample from the shop that is loaded now: ids may coincide."""
    campaigns = data_dir / "campaigns"
    aside = campaigns / "before-the-first-load"
    for assignment in campaigns.glob("*.parquet"):
        aside.mkdir(exist_ok=True)
        assignment.rename(aside / assignment.name)
        _LOG.info("campaign started before the first load, set aside: %s", aside / assignment.name)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(raw: Path) -> CustomerIntelligenceError:
    names = [path.name for path in raw.glob(f"{_TEMPORARY_PREFIX}*")]
    holder = names[0].removeprefix(_TEMPORARY_PREFIX) if names else "unknown"
    return CustomerIntelligenceError(
        "E_LOCKED",
        f"Another process (id {holder}) is adding a load to {raw}.",
        "Wait for it to finish, then try again.",
    )
