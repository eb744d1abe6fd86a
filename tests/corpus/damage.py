"""Generated files that are damaged at random.

Texts are known invoice lines in any dress. What is damaged stays known: a line that no damage
touched must come out as it went in.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from corpus.case import HEADER, ISO, Line

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "cp1252", "cp1252", "utf-16-le", "utf-16-be")
DATE_STYLES = {
    None: (ISO, "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M"),
    "dmy": ("%d/%m/%Y %H:%M", "%d.%m.%Y"),
    "mdy": ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"),
}
MARKS = {"utf-8-sig": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
EXTRA_COLUMNS = ((), ("Note",), ("", "Note, old"))
ODD_VALUES = (
    *("", " ", "\u00a0", "\ufeff", "NaN", "-Infinity", "1e400", "9" * 30, "1.5", "-0.0", "6.0"),
    *("1,234.50", "£2.55", "2.55555", "1e-3", "2011-02-29", "2999-12-31", "1899-12-30", "40513.35"),
    *("13/12/2010", "1/2/2010 8:26", "2010-12-01 08:26:00+01:00", "=1+1", '"', '""', "\u2028"),
    "\x1a",
)
NOISE = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b'"', b'""', b'"\n', b'","', b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"|"]),
    st.sampled_from([b"\x00", b"\x1a", b"\\", b"\xff", b"\x81", b"\xc3", b"\xa3", b"\xef\xbb\xbf"]),
)


@dataclass
class Piece:
    """A record as it stands in the file; once touched, its line is not known any more."""

    data: bytes
    line: Line | None = None


@dataclass(frozen=True)
class DamagedText:
    """A damaged file and what is still known about it.

    Parameters
    ----------
    content : bytes
        The file.
    encoding, dates : str or None
        What the mapping says.
    separator : str
        Between fields.
    date_style : str
        How dates were written.
    columns : tuple of str
        The header.
    is_header_whole : bool
        Whether the header is untouched.
    untouched : dict of int to Line
        Physical line on which an untouched record starts, from 1, to its values.
    """

    content: bytes
    encoding: str | None
    dates: str | None
    separator: str
    date_style: str
    columns: tuple[str, ...]
    is_header_whole: bool
    untouched: dict[int, Line]


def descriptions(codec: str) -> st.SearchStrategy[str | None]:
    """Return texts with all that needs care, beginning with a letter.

    Where a quote that runs away from an earlier record meets the opening quote of such a text, no
    reader can take that for the end of the field.
    """
    alphabet = 'ab ,;\t|"\n\r.£é' + ("" if codec == "cp1252" else "ランプ\u2028")
    return st.one_of(
        st.none(),
        st.sampled_from(["Lantern", "a, b; c", 'a 15" frame', 'b "x", y', "a\nb", "a\r\n\r\nb"]),
        st.text(alphabet, max_size=12).map("L{}".format),
    )


def lines(number: int, codec: str) -> st.SearchStrategy[Line]:
    """Return invoice lines of one invoice."""
    return st.builds(
        Line,
        st.sampled_from([f"{number}", f"C{number}", f" A-{number}"]),
        st.sampled_from(["85123A", "POST", None]),
        descriptions(codec),
        st.integers(-80_995, 80_995),
        st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2024, 1, 1)),
        st.integers(-1_000_000, 10_000_000).map(lambda units: Decimal(units).scaleb(-4)),
        st.sampled_from([None, "17850", "00042", "mary@example.com"]),
        st.sampled_from([None, "United Kingdom", "Côte d'Ivoire"]),
    )


@st.composite
def damaged_texts(draw: st.DrawFn) -> DamagedText:
    """Draw a table, the way it is written, and what happens to the file."""
    name = draw(st.sampled_from(ENCODINGS))
    codec = name.removesuffix("-sig")
    separator = draw(st.sampled_from(SEPARATORS))
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    is_always_quoted = not draw(st.integers(0, 2))
    dates = draw(st.sampled_from(list(DATE_STYLES)))
    date_style = draw(st.sampled_from(DATE_STYLES[dates]))
    columns = draw(st.permutations([*HEADER, *draw(st.sampled_from(EXTRA_COLUMNS))]))

    def written(values: Sequence[str]) -> bytes:
        text = separator.join(
            '"' + value.replace('"', '""') + '"'
            if is_always_quoted or re.search(f'[{separator}"\r\n]', value)
            else value
            for value in values
        )
        return (text + line_end).encode(codec, "replace")

    header = MARKS.get(name, b"") + written(columns)
    pieces = [Piece(header)]
    for number in range(536_365, 536_365 + draw(st.integers(0, 8))):
        line = draw(lines(number, codec))
        texts = dict(zip(HEADER, line.fields(date_style), strict=True))
        moment = dt.datetime.strptime(texts["InvoiceDate"], date_style)
        piece = Piece(b"", line._replace(invoiced_at=moment))
        if not draw(st.integers(0, 6)):
            texts[draw(st.sampled_from(HEADER))] = draw(st.sampled_from(ODD_VALUES))
            piece.line = None
        piece.data = written([texts.get(column, "x") for column in columns])
        pieces.append(piece)
    for _ in range(draw(st.integers(0, 4))):
        damage(draw, pieces, header, separator.encode(codec), line_end.encode(codec))
    pieces = [piece for piece in pieces if piece.data]
    is_header_whole = bool(pieces) and pieces[0].data == header
    if pieces and draw(st.booleans()):
        pieces[-1].data = pieces[-1].data.removesuffix(line_end.encode(codec))
    encoding = codec if codec == "cp1252" and draw(st.booleans()) else None
    content = b"".join(piece.data for piece in pieces)
    is_certain = is_header_whole and (codec != "cp1252" or encoding or content.isascii())
    return DamagedText(
        content,
        encoding,
        dates,
        separator,
        date_style,
        tuple(columns),
        is_header_whole,
        untouched(pieces, codec) if is_certain else {},
    )


def damage(
    draw: st.DrawFn, pieces: list[Piece], header: bytes, separator: bytes, line_end: bytes
) -> None:
    """Do one kind of damage, rarely to the header."""
    kind = draw(
        st.sampled_from(
            ["replace"] * 4
            + ["repeat", "cut", "separator", "delete", "duplicate", "swap", "insert"]
        )
    )
    after_header = st.integers(1, len(pieces) - 1) if len(pieces) > 1 else st.just(0)
    at = 0 if not draw(st.integers(0, 9)) else draw(after_header)
    data = pieces[at].data
    # Where records and fields begin and end, damage does most.
    edges = st.sampled_from([0, len(data) - len(line_end), len(data)])
    start = max(0, draw(st.one_of(st.integers(0, len(data)), edges)))
    end = min(len(data), start + draw(st.integers(0, 6)))
    if kind == "replace":
        pieces[at] = Piece(data[:start] + draw(NOISE) + data[end:])
    elif kind == "repeat":
        pieces[at] = Piece(data[:end] + data[start:end] * draw(st.integers(1, 3)) + data[end:])
    elif kind == "cut":
        pieces[at:] = [Piece(data[:start])]
    elif kind == "separator":
        other = draw(st.sampled_from(SEPARATORS)).encode()
        pieces[at] = Piece(data.replace(separator.strip(b"\0"), other))
    elif kind == "insert":
        noise = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"  ", separator * 7]))
        pieces.insert(
            at + 1, Piece(draw(st.one_of(st.just(header), noise.map(lambda text: text + line_end))))
        )
    elif at:
        other = draw(after_header)
        if kind == "delete":
            del pieces[at]
        elif kind == "duplicate":
            pieces.insert(other, Piece(data, pieces[at].line))
        else:
            pieces[at], pieces[other] = pieces[other], pieces[at]


def untouched(pieces: Sequence[Piece], codec: str) -> dict[int, Line]:
    """Return the lines that must come out whatever happened to the others.

    Between two damaged records with a quote, text may rightly be taken for one quoted field. In
    UTF-16 a byte more or less changes all that follows.
    """
    damaged = [at for at, piece in enumerate(pieces) if at and piece.line is None]
    quoted = [at for at in damaged if b'"' in pieces[at].data]
    found = {}
    before = pieces[0].data
    for at, piece in enumerate(pieces[1:], start=1):
        if codec.startswith("utf-16") and damaged and at > damaged[0]:
            break
        text = before.decode(codec if codec.startswith("utf-16") else "latin-1")
        is_between = bool(quoted) and quoted[0] < at < quoted[-1]
        if piece.line is not None and not is_between and text.endswith(("\r", "\n")):
            found[1 + len(re.findall("\r\n|\r|\n", text))] = piece.line
        before += piece.data
    return found


def damaged_bytes(content: bytes) -> st.SearchStrategy[bytes]:
    """Return a file some of whose bytes were replaced, lost or added, and whose end may be cut."""
    at = st.integers(0, len(content))
    changed = st.tuples(at, st.just(1), st.binary(min_size=1, max_size=1))
    shifted = st.tuples(at, st.sampled_from([0, 1, 8, 40]), st.binary(max_size=8))

    def edited(found: list[tuple[int, int, bytes]], length: int) -> bytes:
        result = content
        for at, lost, added in found:
            result = result[:at] + added + result[at + lost :]
        return result[:length] if length else result

    ends = st.sampled_from([0, 0, 0, 0, 0, 0, -1, -60, len(content) // 2])
    return st.builds(edited, st.lists(st.one_of(changed, shifted), max_size=3), ends)
