"""Safe and atomic file access: no links followed, files written whole or not at all.

Every function checks only the last component of a path. It never follows a symbolic link there and
never waits for a FIFO or a device: anything but a regular file raises `SpecialFileError`, an
`OSError`. The directories above are the caller's choice and may be links.

Read with `open_regular`, `read_bytes` or `read_text`; write with `write_atomically`, or build a
file under a temporary name and put it in place with `replace_durably`; remove with `remove`.
`printable` makes a name safe to print.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

MAX_TEXT_BYTES = 16 * 1024**2
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SpecialFileError(OSError):
    """A path holds a link, a directory, a FIFO or a device where a regular file must be."""


def kind_of(path: Path) -> str | None:
    """Return in words what a path is, or None if it does not exist; links are not followed."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    kinds = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def is_regular(path: Path) -> bool:
    """Return whether a path is a regular file, and not a link to one."""
    return kind_of(path) == "a file"


def is_directory(path: Path) -> bool:
    """Return whether a path is a directory, and not a link to one."""
    return kind_of(path) == "a directory"


def check_regular(path: Path) -> None:
    """Raise `FileNotFoundError` or `SpecialFileError` unless a path is a regular file.

    For files that a library opens by name; where this package opens them itself, `open_descriptor`
    leaves no moment in between.
    """
    kind = kind_of(path)
    if kind is None:
        raise FileNotFoundError(2, "No such file or directory", str(path))
    if kind != "a file":
        raise SpecialFileError(22, f"It is {kind}, not a regular file", str(path))


def open_descriptor(path: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a regular file, or create one where `flags` say so, and return its descriptor.

    Raises
    ------
    SpecialFileError
        When the path is anything else; nothing is read or written then.
    OSError
        As `os.open`.
    """
    try:
        descriptor = os.open(path, flags | _SAFE, mode)
    except FileExistsError:
        raise
    except OSError:
        # A link gives ELOOP, a FIFO without a reader ENXIO: their names say more.
        if kind_of(path) is not None:
            check_regular(path)
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SpecialFileError(22, f"It is {kind_of(path)}, not a regular file", str(path))
    return descriptor


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; as `open_descriptor`."""
    return os.fdopen(open_descriptor(path), "rb")


def read_bytes(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Return the content of a regular file; more than `max_bytes` raise `OSError`."""
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(27, f"It has more than {max_bytes:,} bytes", str(path))
    return content


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return the UTF-8 text of a regular file; text of another encoding raises `ValueError`."""
    return read_bytes(path, max_bytes).decode("utf-8")


def temporary_name(path: Path) -> Path:
    """Return a hidden name beside a path that nobody can guess: `.name.<random>.tmp`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def create(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Write a file that does not exist yet, through to the disk.

    Raises
    ------
    FileExistsError
        When anything has this name, a link that leads nowhere included.
    """
    descriptor = open_descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Replace the content of a file in one step that survives a crash.

    A link at this name is replaced, and what it leads to is left alone.
    """
    pending = temporary_name(path)
    try:
        create(pending, content, mode)
        replace_durably(pending, path)
    finally:
        pending.unlink(missing_ok=True)


def replace_durably(pending: Path, path: Path) -> None:
    """Rename `pending` to `path` in one step, and sync their directory.

    The content of `pending` must be on the disk already: see `sync`.
    """
    pending.replace(path)
    sync(path.parent)


def link_durably(link: Path, target: str) -> None:
    """Point a symbolic link to `target` in one step that survives a crash."""
    pending = temporary_name(link)
    try:
        pending.symlink_to(target)
        replace_durably(pending, link)
    finally:
        pending.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Write a regular file, or the names in a directory, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY | _SAFE) if path.is_dir() else open_descriptor(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a path: a tree, a file, or a link (never its target)."""
    if is_directory(path):
        with contextlib.suppress(OSError):
            path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def printable(name: object) -> str:
    """Return a name on one line: control and other invisible characters are escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(name).encode("utf-8", "backslashreplace").decode()
    )
