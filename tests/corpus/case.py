"""One file of the corpus: how it is written and what must become of it."""

import contextlib
import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
ISO = "%Y-%m-%d %H:%M"


class Line(NamedTuple):
    """An invoice line that is accepted, with exactly these values."""

    invoice_no: str | None
    stock_code: str | None
    description: str | None
    quantity: int | Decimal
    invoiced_at: dt.datetime
    unit_price: Decimal
    customer_id: str | None
    country: str | None

    def fields(self, dates: str = ISO) -> list[str]:
        """Return the line as a text file holds it."""
        return [
            value.strftime(dates)
            if isinstance(value, dt.datetime)
            else str("" if value is None else value)
            for value in self
        ]


class Quarantined(NamedTuple):
    """A record that is kept with these reasons and its source values, None where empty."""

    reasons: tuple[str, ...]
    values: tuple[str | None, ...]


Outcome = Line | Quarantined | None
"""What becomes of a piece of text; None where it is no record, such as an empty line."""
Content = bytes | Callable[[], bytes]

FIRST = Line(
    "536365",
    "85123A",
    "White hanging heart",
    6,
    dt.datetime(2010, 12, 1, 8, 26),
    Decimal("2.55"),
    "17850",
    "United Kingdom",
)
SECOND = Line(
    "C536379", "D", "Discount", -1, dt.datetime(2010, 12, 13, 9, 41), Decimal("27.5"), "14527", "UK"
)
THIRD = Line(
    "536414", "22139", None, 56, dt.datetime(2010, 12, 13, 11, 52), Decimal("0"), None, "Eire"
)
LINES = (FIRST, SECOND, THIRD)


@dataclass(frozen=True)
class Case:
    """A file of the corpus.

    Parameters
    ----------
    name : str
        What is odd about the file.
    write : callable
        Writes the file into a directory and returns its path.
    records : sequence of Line or Quarantined, optional
        What becomes of every record, in the order of the file; None when the file is refused.
    line_numbers : sequence of int, optional
        Where each record starts: the line of a text or the row of a sheet.
    refused : str, optional
        Code of the refusal.
    says : str
        Words that the message, or for a loaded file a note in its manifest, holds.
    mapping : str
        Content of mapping.yml; none by default.
    during : callable
        From the path to a context within which the file is read.
    """

    name: str
    write: Callable[[Path], Path]
    records: Sequence[Line | Quarantined] | None = None
    line_numbers: Sequence[int | None] | None = None
    refused: str | None = None
    says: str = ""
    mapping: str = ""
    during: Callable[[Path], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


def joined(values: Iterable[str], separator: str = ",") -> str:
    """Return the values as one unquoted record."""
    return separator.join(values)


def good(line: Line, separator: str = ",", dates: str = ISO) -> tuple[str, Line]:
    """Return a line's text and the line."""
    return joined(line.fields(dates), separator), line


def changed(**changes: str) -> list[str]:
    """Return the fields of the first line, some of them changed."""
    return list(dict(zip(Line._fields, FIRST.fields(), strict=True), **changes).values())


def bad(record: str | Sequence[str], *reasons: str, separator: str = ",") -> tuple[str, Outcome]:
    """Return the text of a damaged record, and the record in quarantine.

    A record given as fields is quarantined by fields, one given as text as that text.
    """
    if isinstance(record, str):
        return record, Quarantined(reasons, (record,))
    values = tuple(value or None for value in record)
    return joined(record, separator), Quarantined(reasons, values)


def text_case(
    name: str,
    pieces: Iterable[tuple[str | bytes, Outcome]] | None = None,
    *,
    header: str | None = joined(HEADER),
    end: str | Sequence[str] = "\n",
    encoding: str = "utf-8",
    is_ended: bool = True,
    **expected: str,
) -> Case:
    """Return the case of a delimited text.

    Parameters
    ----------
    name : str
        Of the case.
    pieces : iterable of tuple
        Text, or bytes for what no encoder would write, with what becomes of it; by default three
        good lines.
    header : str, optional
        First line; None when the pieces bring it along.
    end : str or sequence of str
        Line end, or the line ends in turn.
    encoding : str
        Codec that writes the text, byte order mark included.
    is_ended : bool
        Whether the last line has a line end.
    **expected : str
        Further fields of the case.
    """
    pieces = [good(line) for line in LINES] if pieces is None else list(pieces)
    if header is not None:
        pieces.insert(0, (header, None))
    codec, mark = _CODECS.get(encoding, (encoding, b""))
    content, numbers, line_number = mark, [], 1
    for at, ((piece, outcome), line_end) in enumerate(
        zip(pieces, itertools.cycle([end] if isinstance(end, str) else end), strict=False)
    ):
        if outcome is not None:
            numbers.append(line_number)
        written = piece if isinstance(piece, bytes) else piece.encode(codec)
        shown = piece.decode("latin-1") if isinstance(piece, bytes) else piece
        if is_ended or at < len(pieces) - 1:
            written, shown = written + line_end.encode(codec), shown + line_end
        content += written
        line_number += len(re.findall("\r\n|\r|\n", shown))
    records = [outcome for _, outcome in pieces if outcome is not None]
    return bytes_case(
        name,
        content,
        records=None if "refused" in expected else records,
        line_numbers=numbers,
        **expected,
    )


def bytes_case(
    name: str, content: Content, file_name: str = "orders.csv", **expected: object
) -> Case:
    """Return the case of a file with just this content, made when it is needed if it is large."""

    def write(directory: Path) -> Path:
        path = directory / file_name
        path.write_bytes(content if isinstance(content, bytes) else content())
        return path

    return Case(name, write, **expected)


def values_case(
    name: str, field: str, outcomes: Mapping[str, object], separator: str = ",", mapping: str = ""
) -> Case:
    """Return the case of odd values in one column, good lines around them.

    Parameters
    ----------
    name : str
        Of the case.
    field : str
        The column, named as in `Line`.
    outcomes : mapping of str to object
        Source text to the value it means, or to a tuple of reasons.
    separator, mapping : str
        Of the file.
    """
    pieces = [good(THIRD, separator)]
    for text, outcome in outcomes.items():
        fields = changed(**{field: text})
        if isinstance(outcome, tuple):
            pieces.append(bad(fields, *outcome, separator=separator))
        else:
            pieces.append((joined(fields, separator), FIRST._replace(**{field: outcome})))
    pieces.append(good(THIRD, separator))
    return text_case(name, pieces, header=joined(HEADER, separator), mapping=mapping)


_CODECS = {
    "utf-8-sig": ("utf-8", b"\xef\xbb\xbf"),
    "utf-16-le-sig": ("utf-16-le", b"\xff\xfe"),
    "utf-16-be-sig": ("utf-16-be", b"\xfe\xff"),
    "utf-32-le-sig": ("utf-32-le", b"\xff\xfe\x00\x00"),
}
