"""Copy the published marts to a folder, as Parquet files that appear together.

    <folder>/<version>-<random>/manifest.json
    <folder>/<version>-<random>/<schema>/<table>.parquet
    <folder>/current -> <version>-<random>

The replacement of the link is the only moment at which anything changes for readers. A copy never
gets the name of another one, so a damaged copy is replaced in the same way.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import BUILDING_PREFIX, CURRENT, VERSION_NAME
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.edition import Edition, PublishedTable
from customer_intelligence.publication.publish import KEPT_VERSIONS
from customer_intelligence.quoting import literal

MANIFEST = "manifest.json"
# Raised when what a manifest states changes its form.
MANIFEST_VERSION = 1
# Says whose folder this is, and is locked while somebody publishes to it.
MARK = ".customer-intelligence"
_COPY_NAME = re.compile(VERSION_NAME.pattern + "-[0-9a-f]{8}")
_LEFTOVERS = (BUILDING_PREFIX, f".{CURRENT}.")

log = logging.getLogger(__name__)


def publish_to_folder(edition: Edition, folder: Path, owner: str, begin: Callable[[], None]) -> str:
    """Copy a version to a folder and let its link `current` lead to the copy.

    Parameters
    ----------
    edition : Edition
        What to copy.
    folder : Path
        Absolute. It is made if its parent is there; only its owner can enter it then.
    owner : str
        Id of the data directory. A folder keeps the first one that publishes to it.
    begin : callable
        Called before the first table is copied.

    Returns
    -------
    str
        What was done, as a clause.

    Raises
    ------
    CustomerIntelligenceError
        Those of `check_folder`; `E_OTHER_SHOP` when another data directory publishes there,
        `E_LOCKED` while another process does, `E_CANNOT_WRITE` when the folder takes no file,
        `E_DAMAGED` when the version cannot be read. Readers see what they saw then.
    """
    check_folder(folder)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _held(folder, owner):
            return _publish(edition, folder, begin)
    except (OSError, duckdb.IOException) as error:
        raise edition.error(error, str(folder)) from error


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be one of copies.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_FOLDER` when its parent does not exist, `E_NOT_A_FOLDER` when it is anything else,
        `E_FOREIGN` when it holds something else.
    """
    try:
        if not folder.parent.is_dir():
            raise CustomerIntelligenceError(
                "E_NO_FOLDER",
                f"There is no folder {folder.parent} to make {folder.name} in.",
                "Make the folder first, or name another one.",
            )
        if folder.exists() and not folder.is_dir():
            raise CustomerIntelligenceError(
                "E_NOT_A_FOLDER",
                f"{folder} is {files.kind_of(folder)}.",
                "Name a folder that is empty, or a new one.",
            )
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        is_link = files.kind_of(folder / CURRENT) in (None, "a symbolic link")
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_CANNOT_WRITE", f"{folder} cannot be used: {error.strerror}.", "Name another folder."
        ) from error
    if (names and MARK not in names) or not is_link:
        found = CURRENT if not is_link else min(names)
        raise CustomerIntelligenceError(
            "E_FOREIGN",
            f"{folder} holds something else ({files.printable(found)}).",
            "Name a folder that is empty, or a new one: it belongs to the marts alone.",
        )


@contextlib.contextmanager
def _held(folder: Path, owner: str) -> Iterator[None]:
    """Hold the folder for a block; the first who does so leaves its mark."""
    descriptor = files.open_descriptor(folder / MARK, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CustomerIntelligenceError(
                "E_LOCKED",
                f"Another process publishes to {folder}.",
                "Wait until it has finished, then try again.",
            ) from error
        found = mark.read(100).strip()
        # What was killed while it wrote the mark has published nothing.
        if len(found) < len(owner) and files.kind_of(folder / CURRENT) is None:
            mark.seek(0)
            mark.truncate()
            mark.write(f"{owner}\n")
            mark.flush()
            os.fsync(descriptor)
            files.sync(folder)
        elif found != owner:
            raise other_shop(str(folder))
        yield


def other_shop(where: str) -> CustomerIntelligenceError:
    """Return the error for a destination of another data directory."""
    return CustomerIntelligenceError(
        "E_OTHER_SHOP",
        f"{where} holds the marts of another data directory.",
        "Name another destination, or empty this one if its marts are not needed any more.",
    )


def _publish(edition: Edition, folder: Path, begin: Callable[[], None]) -> str:
    for leftover in folder.iterdir():
        if leftover.name.startswith(_LEFTOVERS):
            files.remove(leftover)
    count = len(edition.tables)
    current = _current(folder)
    if current is not None and _is_whole(current, edition.version):
        _tidy(edition, folder)
        return f"holds version {edition.version} already"
    name = f"{edition.version}-{secrets.token_hex(4)}"
    building = folder / f"{BUILDING_PREFIX}{name}"
    begin()
    try:
        building.mkdir()
        tables = [_write(edition, table, building) for table in edition.tables]
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            **{key: _plain(value) for key, value in edition.facts.items()},
            "tables": tables,
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        files.create(building / MANIFEST, text, mode=0o444)
        for directory in (*filter(Path.is_dir, building.iterdir()), building):
            files.sync(directory)
        files.replace_durably(building, folder / name)
        files.link_durably(folder / CURRENT, name)
    finally:
        with contextlib.suppress(OSError):
            files.remove(building)
    _tidy(edition, folder)
    return f"has version {edition.version} now: {count} tables in {folder / CURRENT}"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int | str) else str(value)


def _write(edition: Edition, table: PublishedTable, building: Path) -> dict[str, Any]:
    """Write a table and return what the manifest says of it."""
    file = Path(table.schema) / f"{table.name}.parquet"
    path = building / file
    path.parent.mkdir(exist_ok=True)
    edition.connection.execute(
        f"copy {table.relation} to {literal(str(path))} (format parquet, compression zstd, "
        f"kv_metadata {{version: {literal(edition.version)}}})"
    )
    path.chmod(path.stat().st_mode & 0o444)
    files.sync(path)
    return {
        "schema": table.schema,
        "name": table.name,
        "file": str(file),
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
        "rows": table.rows,
        "description": table.description,
        "keys": [key.split(", ") for key in table.keys],
        "foreign_keys": list(table.foreign_keys),
        "columns": [column._asdict() for column in table.columns],
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with files.open_regular(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _current(folder: Path) -> Path | None:
    """Return the copy that readers see, if `current` leads to one."""
    try:
        name = os.readlink(folder / CURRENT)  # noqa: PTH115  # a path would lose what the link adds
    except OSError:
        return None
    return folder / name if _COPY_NAME.fullmatch(name) else None


def _manifest(copy: Path) -> dict[str, Any]:
    try:
        found = json.loads(files.read_text(copy / MANIFEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_whole(copy: Path, version: str) -> bool:
    """Return whether a copy is of this version and no file of it was changed."""
    manifest = _manifest(copy)
    if (manifest.get("manifest_version"), manifest.get("version")) != (MANIFEST_VERSION, version):
        return False
    try:
        return all(
            _sha256(copy / table["schema"] / f"{table['name']}.parquet") == table["sha256"]
            for table in manifest["tables"]
        )
    except (OSError, KeyError, TypeError):
        return False


def _tidy(edition: Edition, folder: Path) -> None:
    """Remove outdated copies; what cannot be removed now is tried again the next time.

    The last ones are kept for readers. After an erasure only those stay that know of it.
    """
    current = _current(folder)
    try:
        copies = [path for path in folder.iterdir() if _COPY_NAME.fullmatch(path.name)]
        others = sorted(
            (path for path in copies if path != current),
            key=lambda path: path.lstat().st_mtime_ns,
            reverse=True,
        )
    except OSError as error:
        log.warning("%s cannot be listed: %s", folder, error)
        return
    known = edition.facts["erasures_known"]
    kept = [path for path in others if _manifest(path).get("erasures_known") == known]
    for path in others:
        if path not in kept[: KEPT_VERSIONS - 1]:
            try:
                files.remove(path)
            except OSError as error:
                log.warning("%s cannot be removed: %s", path, error)
