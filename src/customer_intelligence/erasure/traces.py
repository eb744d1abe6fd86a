"""Find where the files of a data directory name a customer.

A file's content decides how it is searched, not its name: Parquet files and databases column by
column, everything else by its bytes. What cannot be searched is reported, never passed over.
"""

from __future__ import annotations

import base64
import csv
import glob
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html.entities import html5
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote_to_bytes

import duckdb

from customer_intelligence.data_dir import files
from customer_intelligence.ingest.pseudonyms import (
    is_distinctive,
    same_id,
    same_id_as_sql,
    without_unseen,
)
from customer_intelligence.lists.export import NUMBERS, defuse
from customer_intelligence.publication.reader import READER_CONFIG

CHUNK_BYTES = 1 << 24
# No id, however it is escaped, is longer.
_OVERLAP = 1 << 14
# Column names that mean a customer, without regard to case and punctuation.
_CUSTOMER_COLUMN = re.compile(
    ".*(customer|client|buyer|user)(id|no|nr|number|key|code|email)?|.*email"
)
# Values of these types are no text; numbers can be ids.
_NO_TEXT = {*NUMBERS, "BOOLEAN", "DATE", "INTERVAL", "UUID", "BIT"}
# Binary files of dbt, in which every text stands as it is.
_PLAIN_BINARIES = {".msgpack", ".gpickle"}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_EMBEDDED = re.compile(rb"data:(?:text/|application/json|image/svg)[^,\"'\s]*;base64,([\w+/=%]+)")
# Behind an escape, a letter or digit belongs to the escape.
_START = r"(^|[^0-9A-Za-z]|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})"
_END = "($|[^0-9A-Za-z])"
_START_BYTES = (
    rb"(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt])|(?<=\\[ux][0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
)
_END_BYTES = rb"(?![0-9A-Za-z])"


@dataclass
class Findings:
    """The places that name a customer, and those that could not be searched."""

    named: list[str] = field(default_factory=list)
    """Files that name the customer, with the table or column."""
    may_name: list[Path] = field(default_factory=list)
    """Texts that hold an id where it may be another number or word."""
    untold: list[str] = field(default_factory=list)
    """Files that cannot be searched, and why."""


@dataclass(frozen=True)
class Traces:
    """The traces of a customer: the ids that identify them, and how files write those.

    Parameters
    ----------
    ids : sequence of str
        In the form that all spellings share (`same_id`), or pseudonyms.
    """

    ids: Sequence[str]

    @cached_property
    def telling(self) -> list[str]:
        """Those of the ids that mean the customer wherever they stand in a text."""
        return [name for name in self.ids if is_distinctive(name)]

    @cached_property
    def in_text(self) -> str:
        """Pattern of telling ids in a text; what surrounds one is in groups 1 and 2."""
        return _pattern(self.telling, lambda text: [text])

    @cached_property
    def in_json(self) -> str:
        """Pattern of any id in a text that may escape characters, such as JSON."""
        return _pattern(self.ids, _as_json)

    @cached_property
    def parameters(self) -> dict[str, object]:
        """Values of the parameters that conditions in SQL name."""
        return {"ids": list(self.ids), "in_text": self.in_text, "in_json": self.in_json}

    def in_column(self, column: str) -> str:
        """Write the condition in SQL that a column of customer ids holds one of the ids."""
        return f"coalesce(list_contains($ids, {same_id_as_sql(column)}), false)"

    def search(self, root: Path) -> Findings:
        """Search everything below a directory; links are not followed."""
        findings = Findings()
        for path, state in walk(root):
            if self._names_surely(os.fsencode(path.relative_to(root))):
                findings.named.append(f"the name of {shown(path)}")
            reason = _why_not(path, state, root)
            if reason is None:
                try:
                    self._search_file(path, findings)
                except (OSError, duckdb.Error, csv.Error) as error:
                    reason = str(error).splitlines()[0]
            if reason:
                findings.untold.append(f"{shown(path)}: {reason}")
        return findings

    def _search_file(self, path: Path, findings: Findings) -> None:
        with files.open_regular(path) as file:
            head = file.read(16)
            if head[:4] == b"PAR1":
                found = self._in_parquet(path)
            elif head[8:12] == b"DUCK":
                found = self._in_database(path)
            else:
                self._search_bytes(path, file, findings)
                return
            if not found and any(map(self._names_surely, _blocks(file))):
                found = ["bytes"]
        findings.named += [f"{shown(path)}: {what}" for what in found]

    def _in_parquet(self, path: Path) -> list[str]:
        # Brackets in a name are no pattern, and names of folders no columns.
        file = glob.escape(str(path)).replace("'", "''")
        with duckdb.connect() as connection:
            return self._columns_naming(
                connection, f"read_parquet(['{file}'], hive_partitioning = false)"
            )

    def _in_database(self, path: Path) -> list[str]:
        with duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG)) as database:
            # Views hold nothing of their own.
            tables = database.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where not internal order by all"
            ).fetchall()
            return [
                f"{table}.{column}"
                for schema, table in tables
                for column in self._columns_naming(database, f"{_name(schema)}.{_name(table)}")
            ]

    def _columns_naming(self, connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
        runs = {f"run{n}": _longest_run(name) for n, name in enumerate(self.telling)}
        conditions = {}
        for name, type_name, *_ in connection.execute(f"describe from {relation}").fetchall():
            kind = type_name.partition("(")[0]
            text = f"cast({_name(name)} as varchar)"
            is_text = kind not in _NO_TEXT and not kind.startswith("TIME")
            if is_customer_column(name) and (is_text or kind in NUMBERS):
                # Each id once: reading it is more work than finding the others equal.
                each = f"(select distinct {text} as id from {relation})"  # noqa: S608  # nosec
                conditions[name] = f"exists(from {each} where {self.in_column('id')})"
            elif name == "raw_record":
                found = f"regexp_matches({without_unseen(text)}, $in_json)"
                conditions[name] = f"exists(from {relation} where {found})"
            elif is_text and runs:
                # Few texts hold the letters, and only those are worth a look.
                likely = " or ".join(f"contains(lower({text}), ${run})" for run in runs)
                conditions[name] = (
                    f"exists(from {relation} where ({likely}) and regexp_matches({text}, $telling))"
                )
        if not conditions:
            return []
        query = ", ".join(conditions.values())
        known = {**self.parameters, **runs, "telling": _pattern(self.telling, _as_json)}
        row = connection.execute(
            f"select {query}",
            {name: value for name, value in known.items() if f"${name}" in query},
        ).fetchone()
        return [name for name, is_named in zip(conditions, row or (), strict=True) if is_named]

    def _search_bytes(self, path: Path, file: BinaryIO, findings: Findings) -> None:
        is_plain = path.suffix in _PLAIN_BINARIES
        is_binary = is_named = may_name = False
        others = self._others_in_text
        for block in _blocks(file):
            is_binary = is_binary or _is_binary(block)
            is_named = self._names_surely(block, is_binary)
            may_name = may_name or bool(others and others.are_in(block))
            if is_named:
                break
        if is_named:
            findings.named.append(shown(path))
        elif is_binary and not is_plain:
            findings.untold.append(f"{shown(path)}: its form is not known, or it is compressed")
        elif may_name:
            column = _column_of_list(path, self.ids)
            if column:
                findings.named.append(f"{shown(path)}: column {column}")
            elif column is None:
                findings.may_name.append(path)

    def _names_surely(self, data: bytes, is_binary: bool = False) -> bool:
        # In a binary file the length of a text stands before it, and may look like a letter.
        spellings = self._telling_in_binary if is_binary else self._telling_in_text
        if spellings is None:
            return False
        embedded = _EMBEDDED.findall(data) if b";base64," in data else ()
        return spellings.are_in(data) or any(
            spellings.are_in(base64.b64decode(unquote_to_bytes(text) + b"==")) for text in embedded
        )

    @cached_property
    def _telling_in_text(self) -> _Spellings | None:
        return _spellings(self.telling, _START_BYTES, _END_BYTES)

    @cached_property
    def _telling_in_binary(self) -> _Spellings | None:
        return _spellings(self.telling, b"", b"")

    @cached_property
    def _others_in_text(self) -> _Spellings | None:
        others = [name for name in self.ids if name not in self.telling]
        return _spellings(others, _START_BYTES, _END_BYTES)


def walk(root: Path) -> Iterator[tuple[Path, os.stat_result | OSError]]:
    """Yield everything below a directory, except directories that can be entered."""
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        yield root, error
        return
    for name in names:
        path = root / name
        try:
            state = path.lstat()
        except OSError as error:
            yield path, error
            continue
        if stat.S_ISDIR(state.st_mode):
            yield from walk(path)
        else:
            yield path, state


def shown(path: Path) -> str:
    """Return a path as text that can be printed, control characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def is_customer_column(name: str) -> bool:
    """Return whether a column of this name holds customer ids."""
    return bool(_CUSTOMER_COLUMN.fullmatch(re.sub("[^a-z]", "", name.lower())))


def _why_not(path: Path, state: os.stat_result | OSError, root: Path) -> str | None:
    """Return why something cannot be searched, or nothing if it can be or need not be."""
    if isinstance(state, OSError):
        return f"it cannot be read ({state.strerror})"
    if stat.S_ISLNK(state.st_mode):
        # What it leads to inside the directory is searched where it lies.
        is_inside = path.resolve().is_relative_to(root.resolve())
        return "" if is_inside else "it is a link that leads out of the data directory"
    return None if stat.S_ISREG(state.st_mode) else "it is no file"


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    tail = b""
    while chunk := file.read(CHUNK_BYTES):
        yield tail + chunk
        tail = (tail + chunk)[-_OVERLAP:]


class _Spellings(NamedTuple):
    """How files write ids; letters and digits are never escaped and searched first."""

    pattern: re.Pattern[bytes]
    runs: tuple[bytes, ...]

    def are_in(self, data: bytes) -> bool:
        """Return whether bytes hold an id in UTF-8, UTF-16 or an encoding of one byte."""
        # Without its zeros, UTF-16 of plain letters is ASCII, whichever byte comes first.
        forms = [data, data.translate(None, b"\0")] if b"\0" in data else [data]
        return any(
            any(run in form.lower() for run in self.runs) and bool(self.pattern.search(form))
            for form in forms
        )


def _is_binary(block: bytes) -> bool:
    """Return whether a block is no text in UTF-8, UTF-16, UTF-32 or an encoding of one byte."""
    zeros = block.count(b"\0")
    is_wide = zeros and max(block[0::2].count(b"\0"), block[1::2].count(b"\0")) > len(block) / 4
    return bool(_CONTROL.search(block.replace(b"\0", b"") if is_wide else block))


def _as_json(text: str) -> list[str]:
    return [text, *(json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (False, True))]


def _pattern(ids: Sequence[str], written: Callable[[str], Sequence[str]]) -> str:
    """Return a pattern for DuckDB of ids that no letter or digit surrounds."""
    found = [
        ("(?i:" if "@" in name else "(?:") + re.escape(text) + ")"
        for name in ids
        for text in dict.fromkeys(written(name))
    ]
    return f"{_START}(?:{'|'.join(found)}){_END}" if found else "$^"


def _spellings(ids: Sequence[str], start: bytes, end: bytes) -> _Spellings | None:
    """Return how files write ids: as they are, escaped or defused."""
    texts = dict.fromkeys(text for name in ids for text in (name, defuse(name)))
    if not texts:
        return None
    spelled = [b"".join(_character(letter, "@" in text) for letter in text) for text in texts]
    pattern = re.compile(start + b"(?:" + b"|".join(spelled) + b")" + end)
    return _Spellings(pattern, tuple(_longest_run(text).encode() for text in texts))


def _longest_run(text: str) -> str:
    """Return the longest run of letters and digits, which no file escapes."""
    return max(re.findall("[0-9a-z]+", text.lower()), key=len, default="")


def _character(character: str, in_any_case: bool) -> bytes:
    """Return a pattern of the bytes by which files write a character."""
    found: list[bytes] = []
    for form in {character, *((character.lower(), character.upper()) if in_any_case else ())}:
        encoded, code = form.encode(), ord(form[0])
        found.append(re.escape(encoded))
        if form.isascii() and form.isalnum():
            continue
        units = form.encode("utf-16-be").hex()
        plain = [
            # UTF-16, whose zeros are taken out, and the encodings of one byte.
            *(form.encode(name).replace(b"\0", b"") for name in ("utf-16-le", "utf-16-be")),
            *(form.encode(name, "ignore") for name in ("latin-1", "cp1252")),
            json.dumps(form)[1:-1].encode(),
            *((encoded * 2, b"\\" + encoded) if form in "\"'/" else ()),
            *(b"&" + name.encode() for name, text in html5.items() if text == form),
            b"+" if form == " " else b"",
        ]
        found += [re.escape(text) for text in plain if text]
        escaped = [
            "".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)),
            *("".join(f"{sign}{byte:02x}" for byte in encoded) for sign in ("%", "=", r"\\x")),
            f"&#(?:0*{code}|x0*{code:x});",
        ]
        found += [b"(?i:" + text.encode() + b")" for text in escaped]
    return b"(?:" + b"|".join(dict.fromkeys(found)) + b")"


def _column_of_list(path: Path, ids: Sequence[str]) -> str | None:
    """Return the column of a list, such as a CSV file, that holds one of the ids.

    Returns
    -------
    str or None
        Empty where no column of customer ids holds one; None where there is no such column.
    """
    data = path.read_bytes()
    wide = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(wide, errors="replace")
    header = text.partition("\n")[0]
    delimiter = max(",;\t|", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = next(rows, [])
    columns = [position for position, name in enumerate(names) if is_customer_column(name)]
    if not columns:
        return None
    for row in rows:
        for position in columns:
            if position < len(row) and same_id(row[position].lstrip("'")) in ids:
                return names[position]
    return ""


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
