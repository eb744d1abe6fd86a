"""Delimited text: its encoding, its separator, a proof that it is well formed, its records.

The proof allows the fast reader: `measure_structure` counts the records without parsing them and
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

import numpy as np

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.files import CHUNK_BYTES, empty_file

SEPARATORS = (",", ";", "\t", "|")
Separator = str | tuple[int, ...]
"""A sign; a blank for any run of blanks; or the places that are blank on every line."""
MAX_FIELD_CHARS = 131_072  # also the csv module's own limit
MAX_QUOTED_LINES = 100  # a quote still open after so many lines was never meant to open
MAX_LINE_CHARS = 1 << 26
MAX_BLOCK_BYTES = 1 << 26
MAX_LINE_SHIFTS = 1 << 22  # 64 MB
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
    """One source record: its fields, and why it could not be cut into fields if it could not."""

    fields: list[str]
    reason: str | None = None
    line_number: int | None = None
    """Physical line on which the record starts, from 1."""


class LineShifts(NamedTuple):
    """How far the line on which a record starts lies beyond the record's number.

    Records are numbered from 0, the header. The shift grows at records that follow an empty line
    or a field with a line end; between them it stays.
    """

    records: np.ndarray
    """First record of each shift, increasing from 0."""
    shifts: np.ndarray

    def lines(self, records: np.ndarray) -> np.ndarray:
        """Return the line on which each record starts."""
        return records + self.shifts[np.searchsorted(self.records, records, side="right") - 1]


ONE_LINE_A_RECORD = LineShifts(np.array([0]), np.array([1]))


@dataclass(frozen=True)
class Structure:
    """What counting found, header included in the number of records."""

    records: int
    is_well_formed: bool
    line_shifts: LineShifts = ONE_LINE_A_RECORD


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
    """Return how blanks divide the columns of a text: as runs, or by places that stay blank."""
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
    """Cut a line at the places that are blank on every line; the line whole where one is not."""
    if any(line[at : at + 1].strip() for at in gaps):
        return [line]
    edges = [-1, *gaps, max(len(line), gaps[-1] + 2)]
    return [
        line[before + 1 : after].strip()
        for before, after in itertools.pairwise(edges)
        if after > before + 1
    ]


def skip_lines(stream: TextIO, count: int) -> None:
    """Read past lines, however long."""
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
    """Cut text into records, one at a time, losing none.

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
            cut = body.split() if separator == " " else _cut_at(body, tuple(separator))
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


def measure_structure(path: Path, separator: str, width: int) -> Structure:
    """Count the records of an ASCII-compatible text and prove it is well formed.

    Well formed means: every opening quote follows a separator or line end, every closing quote
    precedes one, line ends are all alike, no NUL, and every record has `width` fields. For such
    text every CSV reader finds the same records and fields. Text with more line shifts than fit
    in memory is not taken for well formed.

    Parameters
    ----------
    path : Path
        The text file.
    separator : str
        One ASCII character.
    width : int
        Fields of a record.

    Returns
    -------
    Structure
        The count and the lines hold only when the text is well formed.
    """
    malformed = Structure(0, is_well_formed=False)
    records = lines = shifts = 0
    changes: list[LineShifts] = []
    carriage_returns: set[bool] = set()
    with path.open("rb") as file:
        rest = file.read(3).removeprefix(codecs.BOM_UTF8)
        while True:
            chunk = file.read(CHUNK_BYTES)
            block = rest + chunk
            if not chunk and block and not block.endswith(b"\n"):
                # Only the last record may lack its line end; it gets the file's own.
                block += b"\r\n" if carriage_returns == {True} else b"\n"
            counted = _measure_block(block, ord(separator), width)
            if counted is None:
                return malformed
            starts = counted.record_lines + lines
            moved = _line_shifts(starts, records, changes[-1].shifts[-1] if changes else None)
            if moved.records.size:
                changes.append(moved)
                shifts += moved.records.size
            records += counted.record_lines.size
            lines += counted.lines
            carriage_returns |= counted.carriage_returns
            rest = block[counted.end :]
            if len(carriage_returns) > 1 or len(rest) > MAX_BLOCK_BYTES or shifts > MAX_LINE_SHIFTS:
                return malformed
            if not chunk:
                if rest or not changes:
                    return malformed
                joined = LineShifts(
                    *(np.concatenate(parts) for parts in zip(*changes, strict=True))
                )
                return Structure(records, is_well_formed=True, line_shifts=joined)


class _Block(NamedTuple):
    """The complete records at the start of a piece of text."""

    end: int
    """Bytes they take."""
    lines: int
    record_lines: np.ndarray
    """Line on which each of them starts, from 1 for the first line of the piece."""
    carriage_returns: set[bool]
    """Whether their line ends have a carriage return."""


def _measure_block(block: bytes, separator: int, width: int) -> _Block | None:
    """Find the complete records of a block that begins with a record; None when it is damaged."""
    if b"\x00" in block:
        return None
    data = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    line_ends = every_line_end = np.flatnonzero(data == ord("\n"))
    separators = np.flatnonzero(data == separator)
    if quotes.size:
        # Outside of quotes, an even number of them has gone before.
        line_ends = line_ends[np.searchsorted(quotes, line_ends) % 2 == 0]
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    if not line_ends.size:
        return _Block(0, 0, np.array([], dtype=np.int64), set())
    end = int(line_ends[-1]) + 1
    quotes = quotes[: np.searchsorted(quotes, end)]
    if not _quotes_are_placed(data, quotes, separator):
        return None
    has_return = data[line_ends - 1] == ord("\r")
    has_return[0] &= line_ends[0] > 0
    returns = np.flatnonzero(data[:end] == ord("\r"))
    if quotes.size:
        is_outside = np.searchsorted(quotes, returns) % 2 == 0
        # Within quotes a lone carriage return ends a line as well.
        inside = returns[~is_outside]
        lone = inside[data[inside + 1] != ord("\n")]
        every_line_end = (
            np.sort(np.concatenate((every_line_end, lone))) if lone.size else every_line_end
        )
        returns = returns[is_outside]
    if returns.size != np.count_nonzero(has_return):
        return None
    starts = np.concatenate(([0], line_ends[:-1] + 1))
    is_record = line_ends - has_return > starts
    fields = np.diff(np.searchsorted(separators, line_ends), prepend=0) + 1
    if np.any(fields[is_record] != width):
        return None
    return _Block(
        end,
        int(np.searchsorted(every_line_end, end)),
        np.searchsorted(every_line_end, starts[is_record]) + 1,
        set(has_return.tolist()),
    )


def _line_shifts(lines: np.ndarray, first_record: int, before: np.int64 | None) -> LineShifts:
    """Return the shifts of consecutive records that differ from the one before them."""
    records = np.arange(first_record, first_record + lines.size)
    shifts = lines - records
    is_new = np.ones(lines.size, dtype=bool)
    is_new[1:] = shifts[1:] != shifts[:-1]
    is_new[:1] = before is None or shifts[:1] != before
    return LineShifts(records[is_new], shifts[is_new])


def _quotes_are_placed(data: np.ndarray, quotes: np.ndarray, separator: int) -> bool:
    """Return whether quotes open after and close before a separator or line end, or are doubled."""
    opening, closing = quotes[::2], quotes[1::2]
    before = data[opening - 1]
    opens = np.isin(before, [separator, ord("\n"), ord('"')]) | (opening == 0)
    after = data[closing + 1]
    closes = np.isin(after, [separator, ord("\n"), ord("\r"), ord('"')])
    return bool(opens.all() and closes.all())


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
