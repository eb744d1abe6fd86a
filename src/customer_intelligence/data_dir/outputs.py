"""Files that a person asks for, such as lists and reports: checked first, then written whole.

`check_output` refuses a place before the work begins; `written` gives a file that takes the place's
name only when all of it is on the disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import OWN_NAMES
from customer_intelligence.errors import CustomerIntelligenceError


def check_output(
    path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> Path:
    """Return the path of a file that may be written, or refuse it.

    Parameters
    ----------
    path : path
        Where a person wants the file.
    data_dir : path, optional
        The data directory, in whose own folders nothing else may lie.

    Returns
    -------
    Path
        The path as it was given.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_OUT` when no file is named, `E_OWN_FOLDER` for a place in the data directory's own
        folders, `E_NO_FOLDER` when the folder does not exist, `E_NOT_A_FILE` when a directory, a
        symbolic link or anything else but a regular file is there, `E_CANNOT_WRITE` when the
        folder cannot be looked at.
    """
    # Not `Path(path)`, which drops the slash that says "directory".
    text = os.fspath(path)
    path = Path(text)
    if not text.strip() or path == Path():
        raise CustomerIntelligenceError(
            "E_NO_OUT", "It was not said which file to write.", "Name it: --out=FILE (make: OUT=)."
        )
    try:
        if not path.parent.is_dir():
            raise CustomerIntelligenceError(
                "E_NO_FOLDER",
                f"There is no folder {path.parent} to write {path.name} into.",
                "Make the folder first, or name another file.",
            )
        if data_dir is not None:
            _refuse_own_folders(path, Path(data_dir))
        kind = "a directory" if text.endswith("/") else files.kind_of(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    if kind not in (None, "a file"):
        raise CustomerIntelligenceError(
            "E_NOT_A_FILE", f"{path} is {kind}.", "Name a new file, or one that may be replaced."
        )
    return path


def check_outside(folder: Path, data_dir: Path) -> None:
    """Refuse a folder that lies in the data directory or is it.

    Raises
    ------
    CustomerIntelligenceError
        `E_OWN_FOLDER`.
    """
    # By identity, not by name: links and other spellings of a folder are that folder.
    wanted = folder.resolve()
    places = {_identity(place) for place in (wanted, *wanted.parents) if place.exists()}
    if data_dir.exists() and _identity(data_dir) in places:
        raise CustomerIntelligenceError(
            "E_OWN_FOLDER",
            f"{folder} lies in the data directory {data_dir}.",
            "Name a folder outside of it.",
        )


def _refuse_own_folders(path: Path, data_dir: Path) -> None:
    # By identity, not by name: links and other spellings of a folder are that folder.
    wanted = path.parent.resolve() / path.name
    places = {_identity(place) for place in (wanted, *wanted.parents) if place.exists()}
    for name in OWN_NAMES:
        own = data_dir / name
        is_there = own.exists() and _identity(own) in places
        if is_there or own.parent.resolve() / name == wanted:
            raise CustomerIntelligenceError(
                "E_OWN_FOLDER", f"{own} is the project's own.", "Write the file somewhere else."
            )


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def written(path: str | os.PathLike[str], mode: int = 0o600) -> Iterator[BinaryIO]:
    """Give a file to write to, which appears under its name when the block ends in order.

    Parameters
    ----------
    path : path
        Where to write; a file that is there is replaced.
    mode : int
        Who may read it; by default its owner only, since lists name customers.

    Yields
    ------
    BinaryIO
        A new file beside the path.

    Raises
    ------
    CustomerIntelligenceError
        Those of `check_output`; `E_CANNOT_WRITE` when the folder or the disk does not take it. What
        was there before is unchanged then.
    """
    path = check_output(path)
    pending = files.temporary_name(path)
    try:
        descriptor = files.open_descriptor(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            check_output(path)
            files.replace_durably(pending, path)
        finally:
            pending.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_output(path: str | os.PathLike[str], text: str, mode: int = 0o600) -> None:
    """Write a text as UTF-8, as `written` does."""
    with written(path, mode) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def _cannot_write(path: Path, error: OSError) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_CANNOT_WRITE",
        f"{path} cannot be written: {error.strerror or error}.",
        "Name another file, or make room.",
    )
