"""How many records a text has, on which lines they start, and a proof that it is well formed."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from customer_intelligence.ingest.files import CHUNK_BYTES

MAX_BLOCK_BYTES = 1 << 26
MAX_LINE_SHIFTS = 1 << 22  # 64 MB


class LineShifts(NamedTuple):
    """Line number minus record number at the start of each record.

    Records are numbered from 0, the header. The shift grows at records that follow an empty line
    or a field with a line end; between them it stays.
    """

    records: np.ndarray
    """First record of each shift, increasing from 0."""
    shifts: np.ndarray

    def lines(self, records: np.ndarray) -> np.ndarray:
        """Return the line on which each record starts."""
        found: np.ndarray = (
            records + self.shifts[np.searchsorted(self.records, records, side="right") - 1]
        )
        return found


ONE_LINE_A_RECORD = LineShifts(np.array([0]), np.array([1]))


@dataclass(frozen=True)
class Structure:
    """The result of counting; the header counts as a record."""

    records: int
    is_well_formed: bool
    line_shifts: LineShifts = ONE_LINE_A_RECORD


def measure_structure(path: Path, separator: str, width: int) -> Structure:
    """Count the records of an ASCII-compatible text and prove it is well formed.

    Well formed means: every opening quote follows a separator or line end, every closing quote
    precedes one, line ends are all alike, no NUL, and every record has `width` fields. For such
    text every CSV reader finds the same records and fields. Text with more line shifts than fit
    in memory counts as malformed.

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
    """Return whether quotes are doubled, or open and close a whole field."""
    opening, closing = quotes[::2], quotes[1::2]
    before = data[opening - 1]
    opens = np.isin(before, [separator, ord("\n"), ord('"')]) | (opening == 0)
    after = data[closing + 1]
    closes = np.isin(after, [separator, ord("\n"), ord("\r"), ord('"')])
    return bool(opens.all() and closes.all())
