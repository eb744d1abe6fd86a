"""Draft which files of a directory belong together, from the names and values of their columns.

Two files belong together if a column of one refers to a key of the other: the order of a line, the
customer of an order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.columns import is_unique, normalise
from customer_intelligence.ingest.files import check_inside_root, check_regular_file
from customer_intelligence.ingest.mapping import MAX_FILES
from customer_intelligence.ingest.pipeline import probe
from customer_intelligence.ingest.pseudonyms import same_code_as_sql
from customer_intelligence.ingest.recognise import read_header

# So much of the values of a key is found in the other file, at least.
FOUND_SHARE = 0.5
# A column of few values, such as a state, is no key.
FEWEST_KEYS = 2
SHORTEST_NAME = 3


class _Table(NamedTuple):
    """A file of the directory."""

    path: Path
    header: list[str]
    records: int
    values: Mapping[str, frozenset[str]]
    """Column that another file may have too to its distinct values."""
    keys: frozenset[str]
    """Columns that are different on each record that has them."""


class _Link(NamedTuple):
    """A file that another file refers to, with the columns of the join."""

    at: int
    key: str
    matches: str


def draft_files(directory: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what a mapping says of the files of a directory, and notes on those left out.

    Raises
    ------
    CustomerIntelligenceError
        E_NOT_A_FILE where no two of its files belong together.
    """
    tables = list(_tables(directory))
    links = [_links(tables, at) for at in range(len(tables))]
    # The lines are where all else is found from; of several such files, the longest has them.
    reached = [_reached(links, at) for at in range(len(tables))]
    lines = max(
        range(len(tables)), key=lambda at: (len(reached[at]), tables[at].records), default=0
    )
    if not tables or not reached[lines]:
        check_regular_file(directory)
    names = _names([tables[at].path for at in (lines, *(link.at for link in reached[lines]))])
    files: dict[str, dict[str, Any]] = {names[0]: {"file": tables[lines].path.name}}
    for name, link in zip(names[1:], reached[lines], strict=True):
        files[name] = {"file": tables[link.at].path.name, "key": link.key}
        if normalise(link.key) != normalise(link.matches):
            files[name]["matches"] = link.matches
    joined = {lines, *(link.at for link in reached[lines])}
    notes = [
        f"{table.path.name} is not joined: no column of it is that of one record of the others"
        for at, table in enumerate(tables)
        if at not in joined
    ]
    return files, notes


def files_beside(path: Path, header: Sequence[str]) -> list[str]:
    """Return the names of the files beside one that have a column of its header too."""
    names = {normalise(name) for name in header if name.strip()}
    return [
        other.name
        for other, found in _headers(path.parent)
        if other.name != path.name and names & {normalise(name) for name in found}
    ]


def _headers(directory: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the files of a directory that can be read, with their headers."""
    check_inside_root(directory)
    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except OSError:
        return
    for path in paths[:MAX_FILES]:
        try:
            check_regular_file(path)
            yield path, read_header(path)
        except CustomerIntelligenceError:
            continue


def _tables(directory: Path) -> Iterator[_Table]:
    headers = dict(_headers(directory))
    for path, header in headers.items():
        others = {
            normalise(name)
            for other, names in headers.items()
            if other != path
            for name in names
            if name.strip()
        }
        wanted = [
            name
            for name in header
            if is_unique(name, header)
            and (
                normalise(name) in others
                or _is_id(name)
                or any(_is_id_of(name, other) for other in headers if other != path)
            )
        ]
        with probe(path) as (names, connection):
            values, keys = {}, set()
            ((records,),) = connection.execute("select count(*) from probe").fetchall()
            for name in wanted:
                column = f"cast(c{names.index(name)} as varchar)"
                found = connection.execute(
                    f"select nullif({same_code_as_sql(column)}, '') as value, count(*) "  # noqa: S608  # nosec
                    "from probe where value is not null group by value"
                ).fetchall()
                values[name] = frozenset(value for value, _ in found)
                if len(found) >= FEWEST_KEYS and all(count == 1 for _, count in found):
                    keys.add(name)
            yield _Table(path, header, records, values, frozenset(keys))


def _is_id(name: str) -> bool:
    return normalise(name) == "id"


def _is_id_of(name: str, path: Path) -> bool:
    """Return whether a name such as order or order_id may be what orders.csv calls its id."""
    stem = normalise(name).removesuffix("id")
    return len(stem) >= SHORTEST_NAME and stem in normalise(path.stem)


def _links(tables: Sequence[_Table], at: int) -> list[_Link]:
    """Return the files to which each record of a file leads."""
    table, found = tables[at], []
    for other, target in enumerate(tables):
        if other == at:
            continue
        pairs = [
            (key, column)
            for key in sorted(target.keys)
            for column in table.values
            if _are_called_alike(key, column, target.path)
        ]
        for key, column in pairs:
            values = table.values[column]
            if values and len(values & target.values[key]) >= FOUND_SHARE * len(values):
                found.append(_Link(other, key, column))
                break
    return found


def _are_called_alike(key: str, column: str, path: Path) -> bool:
    if normalise(key) == normalise(column):
        return not _is_id(key)
    return _is_id(key) and _is_id_of(column, path)


def _reached(links: Sequence[Sequence[_Link]], start: int) -> list[_Link]:
    """Return the links to all files that are found from one, each after what it is found by."""
    found: dict[int, _Link] = {}
    waiting = [start]
    while waiting:
        for link in links[waiting.pop(0)]:
            if link.at != start and link.at not in found:
                found[link.at] = link
                waiting.append(link.at)
    return list(found.values())


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name of letters for each file."""
    names: list[str] = []
    for path in paths:
        name = re.sub(r"\W+", "_", path.stem).strip("_").lower()
        name = name if re.match(r"[^\W\d]", name) else f"file_{name}"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names
