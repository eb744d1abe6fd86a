"""Delimited text: its encoding, its separator, its records.

The proof allows the fast reader: `structure` counts the records without parsing them and
accepts only text with every quote, line end and separator in its proper place.
Everything else goes through `read_records`, one record at a time.
"""

import codecs
import csv
import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.files import CHUNK_BYTES, empty_file

SEPARATORS = (",", ";", "\t", "|")
Separator = str | tuple[int, ...]
"""A sign; a blank for any run of blanks; or the places that are blank on every line."""
MAX_FIELD_CHARS = 131_072  # also the csv module's own limit
MAX_QUOTED_LINES = 100  # a quote still open after so many lines was never meant to open
MAX_LINE_CHARS = 1 << 26
HEADER_CHARS = 1 << 20
MAX_HEAD = 50
"""Records among which the header is."""
_LIKELY_SHARE = 0.8
_FEWEST_LINES = 2
_FEWEST_COLUMNS = 3
_MAX_FIXED_CHARS = 10_000
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")

# Excel's own word to itself, above the header of some exports.
_SEPARATOR_LINE = re.compile('\ufeff?"?sep=.?"?', re.IGNORECASE)
DECODE_ERRORS = "customer_intelligence.keep_bytes"
_KEPT_BYTE = re.compile("[\udc00-\udcff]")
_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_CP1252_BYTES = bytes(
    byte
    for byte in range(256)
    if byte in b"\t\n\r" or (byte >= 0x20 and byte not in b"\x7f\x81\x8d\x8f\x90\x9d")
)


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode error handler: keep each undecodable byte as one lone surrogate, for any codec."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    kept = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in kept), error.end


codecs.register_error(DECODE_ERRORS, _keep_bytes)


@dataclass(frozen=True)
class Encoding:
    """The codec of a text file and what is known about it."""

    name: str
    is_valid: bool
    """Whether every byte of the file decodes."""
    note: str | None = None


class Record(NamedTuple):
    """One source record: its fields, or the reason why it could not be split into fields."""

    fields: list[str]
    reason: str | None = None
    line_number: int | None = None
    """Physical line on which the record starts, from 1."""


def detect_encoding(path: Path, configured: str | None) -> Encoding:
    """Find the encoding by byte order mark, configuration or proof over the whole file.

    Text that is not valid UTF-8 is taken as Windows-1252 only when the whole file allows it:
    every byte is a printable Windows-1252 character and no two bytes form a UTF-8 character.
    Otherwise it is damaged UTF-8, and the damaged records are quarantined.

    Parameters
    ----------
    path : Path
        The text file.
    configured : str, optional
        Codec name from the mapping; a byte order mark takes precedence.

    Returns
    -------
    Encoding
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(codecs.BOM_UTF8):
        name = "utf-8-sig"
    elif head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        name = "utf-32"
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "utf-16"
    else:
        name = codecs.lookup(configured).name if configured else "utf-8"
    if _decodes(path, name):
        return Encoding(name, is_valid=True)
    if name == "utf-8" and configured is None and _proves_cp1252(path):
        return Encoding(
            "cp1252",
            is_valid=True,
            note="is not UTF-8; the whole file reads as Windows-1252, and is read so",
        )
    return Encoding(name, is_valid=False, note=f"has bytes that are not {name}")


class Head(NamedTuple):
    """A record that may be the header: its names, and the lines above it."""

    names: list[str]
    skipped: int


def read_heads(
    path: Path, encoding: Encoding, separator: Separator, header_row: int | None = None
) -> list[Head]:
    """Return the records that may be the header, the likeliest first.

    Parameters
    ----------
    path : Path
        The text file.
    encoding : Encoding
        Its encoding.
    separator : str or tuple
        Between fields, see `read_records`.
    header_row : int, optional
        The line of the header, where a person says it.

    Raises
    ------
    CustomerIntelligenceError
        E_EMPTY_FILE or E_UNKNOWN_FORMAT.
    """
    skipped = (header_row or 1) - 1
    found, taken = [], 0
    with open_text(path, encoding) as stream:
        skip_lines(stream, skipped)
        for record in read_records(stream, separator, None, HEADER_CHARS, skipped):
            found.append(record)
            taken += sum(map(len, record.fields))
            if header_row is not None or len(found) == MAX_HEAD or taken > HEADER_CHARS:
                break
    if not any(field.strip() for record in found for field in record.fields):
        if header_row is not None:
            raise CustomerIntelligenceError(
                "E_BAD_MAPPING",
                f"{path.name} has nothing on line {header_row}, which the mapping's header_row "
                "names.",
                "Name the line on which the names of the columns stand, counted from 1.",
            )
        raise empty_file(path)
    heads = [
        Head([show_bytes(field) for field in record.fields], (record.line_number or 1) - 1)
        for record in found
    ]
    first = likely_header([head.names for head in heads])
    fields = found[0].fields
    if (len(fields) == 1 and has_kept_bytes(fields)) or _CONTROLS.search("".join(fields)):
        raise CustomerIntelligenceError(
            "E_UNKNOWN_FORMAT",
            f"{path.name} is no text, or text in an unknown encoding.",
            "Give a Parquet, CSV or XLSX file, or set `encoding:` in mapping.yml.",
        )
    return [heads[first], *heads[:first], *heads[first + 1 :]]


def likely_header(rows: Sequence[Sequence[str]]) -> int:
    """Return which of the first rows is the header: titles above it fill few of the columns."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    if not filled or filled[0] * 2 >= max(filled):
        return 0
    return next(at for at, count in enumerate(filled) if count >= _LIKELY_SHARE * max(filled))


def blank_separator(path: Path, encoding: Encoding) -> Separator | None:
    """Return how blanks separate the columns of a text: runs of blanks, or fixed positions."""
    lines: list[str] = []
    with open_text(path, encoding) as stream:
        while len(lines) < MAX_HEAD and (line := stream.readline(_MAX_FIXED_CHARS)):
            lines += [line.rstrip()] if line.strip() else []
    if len(lines) < _FEWEST_LINES or any("\t" in line or '"' in line for line in lines):
        return None
    widths = {len(line.split()) for line in lines}
    if len(widths) == 1:
        return None if widths == {1} else " "
    longest = max(map(len, lines))
    padded = [line.ljust(longest) for line in lines]
    is_blank = [all(line[at] == " " for line in padded) for at in range(longest)]
    gaps = tuple(at for at in range(longest) if is_blank[at])
    return gaps if len(_cut_at(lines[0].ljust(longest), gaps)) >= _FEWEST_COLUMNS else None


def _cut_at(line: str, gaps: tuple[int, ...]) -> list[str]:
    """Split a line at positions that are blank on every line; whole if one of them is not."""
    if any(line[at : at + 1].strip() for at in gaps):
        return [line]
    edges = [-1, *gaps, max(len(line), gaps[-1] + 2)]
    return [
        line[before + 1 : after].strip()
        for before, after in itertools.pairwise(edges)
        if after > before + 1
    ]


def skip_lines(stream: TextIO, count: int) -> None:
    """Skip lines, however long."""
    while count > 0 and (line := stream.readline(CHUNK_BYTES)):
        count -= line.endswith(("\n", "\r"))


def open_text(path: Path, encoding: Encoding) -> TextIO:
    """Open for `read_records`: line ends as they are, undecodable bytes kept as surrogates."""
    errors = "strict" if encoding.is_valid else DECODE_ERRORS
    return path.open(encoding=encoding.name, errors=errors, newline="")


def show_bytes(text: str) -> str:
    r"""Write kept undecodable bytes as ``\xNN``."""
    return _KEPT_BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)


def has_kept_bytes(fields: Sequence[str]) -> bool:
    """Return whether any field holds an undecodable byte."""
    return any(_KEPT_BYTE.search(field) for field in fields)


def transcode(path: Path, encoding: Encoding, target: Path, skipped: int = 0) -> None:
    """Copy a validly encoded text as UTF-8, in pieces, without its first lines."""
    with (
        path.open(encoding=encoding.name, newline="") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        skip_lines(source, skipped)
        while text := source.read(CHUNK_BYTES):
            copy.write(text)


def read_records(
    stream: TextIO,
    separator: Separator,
    width: int | None,
    limit: int = MAX_LINE_CHARS,
    skipped: int = 0,
    *,
    is_quoted: bool = True,
) -> Iterator[Record]:
    """Split text into records, one at a time, without losing any.

    Empty lines are no records, nor is a first line ``sep=;``. A quoted field may span lines; when
    it never closes, goes on after its closing quote, or the spanning record has the wrong number
    of fields, only its first line is taken as a damaged record and reading goes on at the next
    line.

    Parameters
    ----------
    stream : TextIO
        Opened with ``newline=""``.
    separator : str or tuple
        Between fields: a sign, a blank for any run of blanks, or the places that are blank on
        every line. Only a sign can stand within quotes.
    width : int, optional
        Number of fields a record must have; None to accept any.
    limit : int
        Longest line in characters; a longer one is cut.
    skipped : int
        Lines above, which the stream is past.
    is_quoted : bool
        Whether quotes may hold a field together; otherwise they are signs like others.

    Yields
    ------
    Record
    """
    pending: deque[tuple[str, int]] = deque()
    number = skipped + 1

    def next_line() -> tuple[str, int]:
        nonlocal number
        if pending:
            return pending.popleft()
        line, at = stream.readline(limit), number
        # A line that was cut goes on under the same number.
        number += line.endswith(("\n", "\r"))
        return line, at

    while True:
        line, at = next_line()
        if not line:
            return
        body = line.rstrip("\r\n")
        if not body or (at == 1 and _SEPARATOR_LINE.fullmatch(body)):
            continue
        if not isinstance(separator, str) or separator == " ":
            if not body.strip():
                continue
            cut = body.split() if isinstance(separator, str) else _cut_at(body, separator)
            fields, reason = cut, None
        elif not is_quoted or '"' not in body:
            fields, reason = body.split(separator), None
        else:
            lines, rest = [line], []
            parsed, reason = _parse_quoted(lines, separator)
            while reason == "open" and len(lines) < MAX_QUOTED_LINES and (more := next_line())[0]:
                rest.append(more)
                lines.append(more[0])
                if '"' in more[0]:
                    parsed, reason = _parse_quoted(lines, separator)
            if parsed is None or (rest and width is not None and len(parsed) != width):
                pending.extendleft(reversed(rest))
                yield Record([body], "R_FIELD_LIMIT" if reason == "limit" else "R_QUOTE", at)
                continue
            fields = parsed
        is_whole = width is None or len(fields) == width
        yield Record(fields, None if is_whole else "R_FIELD_COUNT", at)


def _parse_quoted(lines: list[str], separator: str) -> tuple[list[str] | None, str | None]:
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True)), None
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None, "open"
        return None, "limit" if "field larger" in str(error) else "quote"


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _proves_cp1252(path: Path) -> bool:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if chunk.translate(None, delete=_CP1252_BYTES):
                return False
            if not chunk.isascii() and _UTF8_SEQUENCE.search(tail + chunk):
                return False
            tail = chunk[-3:]
    return True
