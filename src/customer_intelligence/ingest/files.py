"""The kind of a file, by its bytes and not by its name."""

import hashlib
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from customer_intelligence.data_dir import files
from customer_intelligence.errors import CustomerIntelligenceError

ROOT_VARIABLE = "CUSTOMER_INTELLIGENCE_INPUT_ROOT"
LIMIT_VARIABLE = "CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES"

CHUNK_BYTES = 1 << 22
DEFAULT_MAX_FILE_BYTES = 64 * 1024**3
# The rows of a load and what it needs meanwhile stay below this many times the file.
SPACE_FACTOR = 2
SMALLEST_SPACE = 64 * 1024**2
XLSX_MAX_BYTES = 2 * 1024**3
XLSX_MAX_RATIO = 100

# What a damaged archive can raise; UnicodeError is a ValueError.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)

# First bytes of formats people try, with what to do instead.
FOREIGN_FORMATS = {
    b"\xd0\xcf\x11\xe0": (
        "an old or a password-protected Excel workbook",
        "Save it as .xlsx without a password.",
    ),
    b"\x1f\x8b": ("gzip-compressed", "Decompress it first."),
    b"%PDF": ("a PDF document", "Export the data as CSV, XLSX or Parquet."),
    b"7z\xbc\xaf": ("a 7z archive", "Extract it first."),
    b"BZh": ("bzip2-compressed", "Decompress it first."),
    b"\x28\xb5\x2f\xfd": ("zstd-compressed", "Decompress it first."),
    b"PARE": ("an encrypted Parquet file", "Decrypt it first."),
}
# The same for text, by its first signs after any blanks.
FOREIGN_TEXTS = {
    rb"<\?xml": ("an XML document", "Save it as .xlsx or CSV."),
    rb"<(!|[a-z])": ("a web page (HTML)", "Open it in a spreadsheet and save it as .xlsx or CSV."),
    rb"\{\s*[\"}]|\[\s*[{\[\]]": ("JSON", "Export the data as CSV, XLSX or Parquet."),
}
_HEAD_BYTES = 1024
SHOWN_CHARS = 40
SHOWN_NAMES = 40
SHOWN_REASON = 300


def check_regular_file(path: Path) -> os.stat_result:
    """Refuse anything but a regular, readable, non-empty file of allowed size and place.

    Raises
    ------
    CustomerIntelligenceError
        E_OUTSIDE_ROOT, E_NOT_FOUND, E_SYMLINK, E_NOT_A_FILE, E_UNREADABLE, E_EMPTY_FILE or
        E_TOO_BIG; E_BAD_SETTING when a limit in the environment means nothing.
    """
    # First, so that nothing is said about files elsewhere, not even whether they exist.
    check_inside_root(path)
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CustomerIntelligenceError(
            "E_NOT_FOUND", f"There is no file {path}.", "Check the path."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISLNK(status.st_mode):
        raise CustomerIntelligenceError(
            "E_SYMLINK", f"{path} is a symbolic link.", "Give the file that it points to."
        )
    if not stat.S_ISREG(status.st_mode):
        is_directory = stat.S_ISDIR(status.st_mode)
        hint = "Give one Parquet, CSV or XLSX file"
        if is_directory:
            hint += "; where several belong together, name them under `files:` in mapping.yml"
        raise CustomerIntelligenceError(
            "E_NOT_A_FILE",
            f"{path} is {'a directory' if is_directory else 'no regular file'}.",
            f"{hint}.",
        )
    if status.st_size == 0:
        raise empty_file(path)
    limit = _max_file_bytes()
    if status.st_size > limit:
        raise CustomerIntelligenceError(
            "E_TOO_BIG",
            f"{path.name} has {status.st_size:,} bytes; allowed are {limit:,}.",
            f"Split it, or allow more in the environment variable {LIMIT_VARIABLE}.",
        )
    return status


def open_regular(path: Path) -> BinaryIO:
    """Open a checked file; refuse a file that has replaced it since.

    Raises
    ------
    CustomerIntelligenceError
        E_UNREADABLE: it is a link by now, or no regular file; no pipe keeps anybody waiting.
    """
    try:
        return files.open_regular(path)
    except OSError as error:
        raise unreadable(path, error) from error


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes if a file is written to or replaced."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def check_space(size: int, data_dir: Path) -> None:
    """Refuse a file whose load would not fit on the disk.

    Parameters
    ----------
    size : int
        Of the file, in bytes.
    data_dir : Path
        Where the load goes; it need not exist yet.

    Raises
    ------
    CustomerIntelligenceError
        E_NO_SPACE, with what is free and what is needed.
    """
    needed = SPACE_FACTOR * size + SMALLEST_SPACE
    places = (data_dir, *data_dir.absolute().parents)
    try:
        free = shutil.disk_usage(next(path for path in places if path.exists())).free
    except OSError:
        # What may not even be looked at is refused where it is opened.
        return
    if free < needed:
        raise CustomerIntelligenceError(
            "E_NO_SPACE",
            f"{free / 1e6:,.0f} MB are free for {data_dir}, and the load may need "
            f"{needed / 1e6:,.0f} MB.",
            "Free some space, or name a data directory on another disk.",
        )


def detect_format(path: Path) -> str:
    """Return ``parquet``, ``xlsx`` or ``csv``.

    Raises
    ------
    CustomerIntelligenceError
        E_UNKNOWN_FORMAT for anything known to be something else.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise unreadable(path, error) from error
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, (kind, hint) in FOREIGN_FORMATS.items():
        if head.startswith(magic):
            raise CustomerIntelligenceError("E_UNKNOWN_FORMAT", f"{path.name} is {kind}.", hint)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        _check_workbook(path)
        return "xlsx"
    for pattern, (kind, hint) in FOREIGN_TEXTS.items():
        if re.match(rb"(\xef\xbb\xbf)?\s*(" + pattern + rb")", head, re.IGNORECASE):
            raise CustomerIntelligenceError("E_UNKNOWN_FORMAT", f"{path.name} is {kind}.", hint)
    return "csv"


def shown_name(path: Path) -> str:
    r"""Return the name of a file as text, with undecodable bytes as ``\xNN``."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def is_directory(path: Path) -> bool:
    """Return whether a path is a directory; False if it cannot be inspected."""
    try:
        return path.is_dir()
    except OSError:
        return False


def shorten(text: str, limit: int = SHOWN_CHARS) -> str:
    """Return a text of a file as a message may hold it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown_names(names: Sequence[str]) -> str:
    """List names of a file in quotes for a message, shortened if there are many."""
    listed = ", ".join(repr(shorten(name)) for name in names[:SHOWN_NAMES])
    return listed if len(names) <= SHOWN_NAMES else f"{listed}, … ({len(names):,} in all)"


def content_sha256(paths: Iterable[Path]) -> str:
    """Return the hex digest of a file's content; of several, whatever their names and order."""
    digests = sorted(map(_file_sha256, paths))
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    """Read the file in pieces."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def unreadable(path: Path, error: object) -> CustomerIntelligenceError:
    """Return the refusal of a file that is damaged or may not be read."""
    lines = str(error).strip().splitlines()
    reason = shorten(lines[0], SHOWN_REASON) if lines else type(error).__name__
    return CustomerIntelligenceError(
        "E_UNREADABLE",
        f"{path.name} cannot be read: {reason.rstrip('.')}.",
        "Check that the file is complete and may be read, and export it again if it is damaged.",
    )


def empty_file(path: Path) -> CustomerIntelligenceError:
    """Return the refusal of a file without even a header."""
    return CustomerIntelligenceError(
        "E_EMPTY_FILE",
        f"{path.name} is empty; it has no header.",
        "Export the file again; a header with no records would be accepted.",
    )


def check_inside_root(path: Path) -> None:
    """Refuse a path outside of the directory that files may be read from.

    Raises
    ------
    CustomerIntelligenceError
        E_OUTSIDE_ROOT or E_BAD_SETTING.
    """
    root = os.environ.get(ROOT_VARIABLE)
    if root is None:
        return
    if not root.strip():
        raise _bad_setting(ROOT_VARIABLE, root, "Name a directory, or unset it.")
    try:
        is_inside = path.resolve().is_relative_to(Path(root).resolve())
    except (OSError, RuntimeError):  # a loop of links
        is_inside = False
    if not is_inside:
        raise CustomerIntelligenceError(
            "E_OUTSIDE_ROOT",
            f"{path} lies outside of {root}, where files may be read from.",
            f"Move it there; {ROOT_VARIABLE} names the directory.",
        )


def _max_file_bytes() -> int:
    text = os.environ.get(LIMIT_VARIABLE)
    if text is None:
        return DEFAULT_MAX_FILE_BYTES
    if not text.isdecimal():
        raise _bad_setting(LIMIT_VARIABLE, text, "Give a number of bytes, or unset it.")
    return int(text)


def _bad_setting(variable: str, value: str, hint: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_BAD_SETTING", f"The environment variable {variable} is {value!r}.", hint
    )


def _check_workbook(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except ARCHIVE_ERRORS as error:
        raise unreadable(path, error) from error
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names:
        kind = "a binary workbook (.xlsb)" if "xl/workbook.bin" in names else "a ZIP archive"
        raise CustomerIntelligenceError(
            "E_UNKNOWN_FORMAT",
            f"{path.name} is {kind}, no .xlsx workbook.",
            "Save it as .xlsx, or extract the file first.",
        )
    inflated = sum(member.file_size for member in members)
    # The whole file, not a member: XML of a small workbook compresses oddly well part by part.
    size = path.stat().st_size
    if inflated > XLSX_MAX_BYTES or inflated > XLSX_MAX_RATIO * size:
        raise xlsx_bomb(
            path,
            f"would inflate to {inflated:,} bytes, {inflated / size:,.0f} times its size; allowed "
            f"are {XLSX_MAX_RATIO} times and {XLSX_MAX_BYTES:,} bytes",
        )


def xlsx_bomb(path: Path, what: str) -> CustomerIntelligenceError:
    """Return the refusal of a workbook that would expand beyond the limit."""
    return CustomerIntelligenceError(
        "E_XLSX_BOMB",
        f"{path.name} {what}.",
        "If the file is what it should be, export it as CSV or Parquet.",
    )
