"""What is known of one reading of a file or relation, from its recognition to its manifest."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from customer_intelligence.ingest.columns import Columns
from customer_intelligence.ingest.formats.stage import record_keys
from customer_intelligence.ingest.formats.text import Encoding, Separator
from customer_intelligence.ingest.formats.workbook import Table, Workbook
from customer_intelligence.ingest.mapping import SourceMapping

# Typed values and source values side by side, sorted by order where lines are completed.
_SPILL_FACTOR = 4
_SMALLEST_SPILL = 1 << 30


@dataclass(frozen=True)
class TextLayout:
    """How a delimited text is split into records."""

    encoding: Encoding
    separator: Separator
    skipped: int = 0
    """Lines above the header."""
    is_quoted: bool = True
    """Whether quotes may hold a field together."""


@dataclass(frozen=True)
class SheetsLayout:
    """The sheets of a workbook that hold the table."""

    workbook: Workbook
    sheets: Sequence[Table]


@dataclass(frozen=True)
class ParquetLayout:
    """The columns of a Parquet file as DuckDB names them."""

    names: Sequence[str]
    zones: Mapping[int, str] = field(default_factory=dict)
    """Position of a column of instants to the zone on whose clock they are shown."""


@dataclass(frozen=True)
class RelationLayout:
    """A table, view or query, as SQL names it."""

    relation: str
    record_number: str
    """SQL of the number of a record."""
    zones: Mapping[int, str] = field(default_factory=dict)
    """As in `ParquetLayout`."""


@dataclass(frozen=True)
class Part:
    """One of several files that belong together."""

    name: str
    """As the mapping calls it."""
    reading: "Reading"
    """With the names that its columns have among those of all files."""
    key: Sequence[int] = ()
    """Positions of the columns by which it is joined to the parts before it."""
    matches: Sequence[tuple[int, int]] = ()
    """Part and position of the column that each of the key is equal to."""


@dataclass(frozen=True)
class JoinedLayout:
    """Files that are joined to their first, which holds the lines."""

    parts: Sequence[Part]
    columns: Sequence[tuple[int, int]]
    """Part and position of each column of the whole."""
    dates: int
    """The part with the date of a line."""

    @property
    def links(self) -> frozenset[int]:
        """Positions of the columns by which the files are joined."""
        sides = {side for part in self.parts for side in part.matches}
        sides |= {(at, position) for at, part in enumerate(self.parts) for position in part.key}
        return frozenset(at for at, place in enumerate(self.columns) if place in sides)

    @property
    def zones(self) -> dict[int, str]:
        """As `ParquetLayout.zones`."""
        zones = [getattr(part.reading.layout, "zones", {}) for part in self.parts]
        places = enumerate(self.columns)
        return {at: zones[part][own] for at, (part, own) in places if own in zones[part]}


Layout = TextLayout | SheetsLayout | ParquetLayout | RelationLayout | JoinedLayout
L = TypeVar("L", TextLayout, SheetsLayout, ParquetLayout, RelationLayout, JoinedLayout)


@dataclass(frozen=True)
class Marks:
    """The marks and signs of the numbers of a text."""

    decimal: str = "."
    thousands: str | None = None
    signs: tuple[str, ...] = ()
    """Codes and signs of the currency that may stand beside an amount."""
    is_plain: bool = False
    """Whether no number has anything but digits, a minus and a point."""


@dataclass(frozen=True)
class Reading:
    """A recognised source: each step of the ingest adds what it finds out."""

    name: str
    """Of the file or relation, for messages."""
    header: tuple[str, ...]
    types: tuple[str, ...]
    """DuckDB types of the source's columns ``c0``, ``c1``, …."""
    columns: Columns
    mapping: SourceMapping
    layout: Layout
    path: Path | None = None
    expanded_bytes: int = 0
    """What its values take as text, at most."""
    notes: tuple[str, ...] = ()
    """What a person should know, as predicates of the file."""
    date_order: str | None = None
    """``ymd``, ``mdy``, ``dmy`` or a strptime format; None where no text needs one."""
    currency: str | None = None
    marks: Marks = Marks()
    has_totals: bool = False
    """Whether a record calls itself a total."""
    names_months: bool = True
    """Whether a date in a text may name its month."""
    clock: str = "as the file shows it"
    """On which clock the days are, in words."""
    status: os.stat_result | None = None
    """Of the file, before anything of it was read."""

    def layout_as(self, kind: type[L]) -> L:
        """Return the layout if it is of this kind; else raise `TypeError`."""
        if not isinstance(self.layout, kind):
            raise TypeError(f"{self.name} has another layout than {kind.__name__}")
        return self.layout

    @property
    def file(self) -> Path:
        """Path of the file; `TypeError` for a relation, which has none."""
        if self.path is None:
            raise TypeError(f"{self.name} is no file")
        return self.path

    @property
    def first_status(self) -> os.stat_result:
        """`status` of the file; `TypeError` for a relation, which has none."""
        if self.status is None:
            raise TypeError(f"{self.name} is no file")
        return self.status

    @property
    def files(self) -> "list[Reading]":
        """The readings of its files, that of the lines first."""
        if isinstance(self.layout, JoinedLayout):
            return [part.reading for part in self.layout.parts]
        return [self]

    @property
    def is_text(self) -> bool:
        """Whether the file is a text or workbook, into which people may have written."""
        return isinstance(self.files[0].layout, TextLayout | SheetsLayout)

    @property
    def format(self) -> str:
        """``csv``, ``xlsx``, ``parquet`` or ``relation``; that of the lines, where it is joined."""
        return _FORMATS[type(self.files[0].layout)]

    @property
    def encoding(self) -> str | None:
        """Codec of a text."""
        layout = self.files[0].layout
        return layout.encoding.name if isinstance(layout, TextLayout) else None

    @property
    def spill_bytes(self) -> int:
        """What DuckDB may put on the disk while the source is read."""
        return max(_SMALLEST_SPILL, _SPILL_FACTOR * self.expanded_bytes)

    @cached_property
    def keys(self) -> list[str]:
        """Names of the columns in ``raw_record``."""
        return record_keys(self.header)

    @property
    def named_columns(self) -> dict[str, str]:
        """Field to the name of its column in the file."""
        return {name: self.header[at[0]] for name, at in self.columns.positions.items()}


_FORMATS = {
    TextLayout: "csv",
    SheetsLayout: "xlsx",
    ParquetLayout: "parquet",
    RelationLayout: "relation",
}
