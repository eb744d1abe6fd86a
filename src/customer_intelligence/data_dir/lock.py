"""The lock of a data directory: one process at a time changes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import BUILD, LOCK_FILE
from customer_intelligence.errors import CustomerIntelligenceError

_HELD: dict[Path, int] = {}


def acquire(data_dir: Path) -> bool:
    """Hold the data directory until `release` or the end of the process.

    Parameters
    ----------
    data_dir : Path
        The lock is the file `build/.lock` in it, which names the process for others to read.

    Returns
    -------
    bool
        False when this process held it before.

    Raises
    ------
    CustomerIntelligenceError
        `E_LOCKED` when another process holds it; the message names that process.
        `E_DATA_DIR` when the directory cannot be written to.
    """
    path = data_dir.resolve() / BUILD / LOCK_FILE
    if path in _HELD:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = files.open_descriptor(path, os.O_RDWR | os.O_CREAT)
    except files.SpecialFileError as error:
        raise not_writable(path, error) from error
    except OSError as error:
        raise not_writable(path.parent, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}, {_command()}".encode())
    except BlockingIOError as error:
        holder = os.read(descriptor, 1_000).decode(errors="replace")
        os.close(descriptor)
        raise locked(path.parent, holder) from error
    except OSError as error:
        os.close(descriptor)
        raise not_writable(path.parent, error) from error
    _HELD[path] = descriptor
    return True


def release(data_dir: Path) -> None:
    """Release the data directory; nothing happens if this process does not hold it."""
    descriptor = _HELD.pop(data_dir.resolve() / BUILD / LOCK_FILE, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for a block; a lock held before stays held after it."""
    is_new = acquire(data_dir)
    try:
        yield
    finally:
        if is_new:
            release(data_dir)


def locked(directory: Path, holder: str) -> CustomerIntelligenceError:
    """Return the error for a directory in which another process works."""
    return CustomerIntelligenceError(
        "E_LOCKED",
        f"Another process ({files.printable(holder) or 'unknown'}) is at work in {directory}.",
        "Wait until it has finished or end it, then try again.",
    )


def not_writable(path: Path, error: OSError) -> CustomerIntelligenceError:
    """Return the error for a directory or file that cannot be written to."""
    return CustomerIntelligenceError(
        "E_DATA_DIR",
        f"{files.printable(path)} cannot be written to: {error.strerror}.",
        "Change its permissions, or name another directory with DATA_DIR=….",
    )


def _command() -> str:
    program = Path(sys.argv[0])
    name = program.parent.name if program.name in ("__main__.py", "main.py") else program.name
    return " ".join([name, *sys.argv[1:2]])
