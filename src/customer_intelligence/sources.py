"""A hash of source files, by which what is made of them is known to be of the same code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_SUFFIXES = {".csv", ".md", ".py", ".sql", ".svg", ".yml"}


def digest_of(root: Path, folders: Iterable[str]) -> str:
    """Return a hash of names and contents of the source files in folders, and of YAML beside them.

    Parameters
    ----------
    root : Path
        Names count from here: the same files elsewhere have the same hash.
    folders : iterable of str
        Below `root`; those that are not there are empty.
    """
    digest = hashlib.sha256()
    found = [path for folder in folders for path in (root / folder).rglob("*")]
    for path in sorted({*found, *root.glob("*.yml")}):
        if path.suffix in _SUFFIXES and path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
