"""Delimited text: its encoding, its separator, a proof that it is well formed, its records.

The proof is what allows the fast reader: `measure_structure` counts the records without parsing
them and accepts only text in which every quote, line end and separator stands where it must.
Everything else goes through `read_records`, one record at a time.
"""

import codecs
import csv
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
MAX_FIELD_CHARS = 131_072  # also the csv module's own limit
MAX_QUOTED_LINES = 100  # a quote still open after so many lines was never meant to open
MAX_LINE_CHARS = 1 << 26
MAX_BLOCK_BYTES = 1 << 26
MAX_LINE_SHIFTS = 1 << 22  # 64 MB
HEADER_CHARS = 1 << 20

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


def widest_header(path: Path, encoding: Encoding) -> list[str]:
    """Return the header under the separator that cuts it into most columns.

    Raises
    ------
    CustomerIntelligenceError
        E_EMPTY_FILE or E_UNKNOWN_FORMAT.
    """
    return max((read_header(path, encoding, separator) for separator in SEPARATORS), key=len)


def read_header(path: Path, encoding: Encoding, separator: str) -> list[str]:
    """Return the names of the columns as one separator cuts them.

    Raises
    ------
    CustomerIntelligenceError
        E_EMPTY_FILE or E_UNKNOWN_FORMAT.
    """
    with open_text(path, encoding) as stream:
        record = next(read_records(stream, separator, None, HEADER_CHARS), None)
    if record is None or not any(field.strip() for field in record.fields):
        raise empty_file(path)
    is_garbled = len(record.fields) == 1 and has_kept_bytes(record.fields)
    if is_garbled or re.search("[\x00-\x08\x0e-\x1f]", "".join(record.fields)):
        raise CustomerIntelligenceError(
            "E_UNKNOWN_FORMAT",
            f"{path.name} is no text, or text in an unknown encoding.",
            "Give a Parquet, CSV or XLSX file, or set `encoding:` in mapping.yml.",
        )
    return [show_bytes(field) for field in record.fields]


def open_text(path: Path, encoding: Encoding) -> TextIO:
    """Open for `read_records`: line ends as they are, undecodable bytes kept as surrogates."""
    errors = "strict" if encoding.is_valid else DECODE_ERRORS
    return path.open(encoding=encoding.name, errors=errors, newline="")


def show_bytes(text: str) -> str:
    r"""Write kept undecodable bytes as ``\xNN``."""
    return _KEPT_BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)


def has_kept_bytes(fields: Sequence[str]) -> bool:
    """Tell whether any field holds an undecodable byte."""
    return any(_KEPT_BYTE.search(field) for field in fields)


def transcode(path: Path, encoding: Encoding, target: Path) -> None:
    """Copy a validly encoded text as UTF-8, in pieces."""
    with (
        path.open(encoding=encoding.name, newline="") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        while text := source.read(CHUNK_BYTES):
            copy.write(text)


def read_records(
    stream: TextIO, separator: str, width: int | None, limit: int = MAX_LINE_CHARS
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
    separator : str
        Between fields.
    width : int, optional
        Number of fields a record must have; None to accept any.
    limit : int
        Longest line in characters; a longer one is cut.

    Yields
    ------
    Record
    """
    pending: deque[tuple[str, int]] = deque()
    number = 1

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
        if '"' not in body:
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
    """Tell whether quotes open after and close before a separator or line end, or are doubled."""
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
