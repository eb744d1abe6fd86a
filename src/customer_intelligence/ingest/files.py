"""What kind of file this is, decided by its bytes and not by its name."""

import hashlib
import os
import stat
import zipfile
from pathlib import Path

from customer_intelligence.errors import CustomerIntelligenceError

CHUNK_BYTES = 1 << 22
XLSX_MAX_BYTES = 2 * 1024**3
XLSX_MAX_RATIO = 100

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
}


def check_regular_file(path: Path) -> os.stat_result:
    """Refuse what is no plain, readable, non-empty file.

    Raises
    ------
    CustomerIntelligenceError
        E_NOT_FOUND, E_SYMLINK, E_NOT_A_FILE, E_UNREADABLE or E_EMPTY_FILE.
    """
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
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise CustomerIntelligenceError(
            "E_NOT_A_FILE", f"{path} is {kind}.", "Give one Parquet, CSV or XLSX file."
        )
    if status.st_size == 0:
        raise empty_file(path)
    return status


def detect_format(path: Path) -> str:
    """Return ``parquet``, ``xlsx`` or ``csv``.

    Raises
    ------
    CustomerIntelligenceError
        E_UNKNOWN_FORMAT for anything known to be something else.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
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
    return "csv"


def file_sha256(path: Path) -> str:
    """Return the hex digest of the file's content, reading it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def unreadable(path: Path, error: object) -> CustomerIntelligenceError:
    """Return the refusal of a file that is damaged or may not be read."""
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
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


def _check_workbook(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
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
    if inflated > XLSX_MAX_BYTES or inflated > XLSX_MAX_RATIO * path.stat().st_size:
        raise xlsx_bomb(path, inflated)


def xlsx_bomb(path: Path, inflated: int) -> CustomerIntelligenceError:
    """Return the refusal of a workbook that would inflate beyond the limits."""
    ratio = inflated / path.stat().st_size
    return CustomerIntelligenceError(
        "E_XLSX_BOMB",
        f"{path.name} would inflate to {inflated:,} bytes, {ratio:,.0f} times its size; "
        f"allowed are {XLSX_MAX_RATIO} times and {XLSX_MAX_BYTES:,} bytes.",
        "If the file is what it should be, export it as CSV or Parquet.",
    )
