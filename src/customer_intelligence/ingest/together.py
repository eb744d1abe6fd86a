"""Files that belong together: how they are found, and the names of all their columns."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.columns import normalise, position_of, resolve_columns
from customer_intelligence.ingest.files import (
    check_inside_root,
    check_regular_file,
    is_directory,
    shown_names,
    unreadable,
)
from customer_intelligence.ingest.mapping import SourceMapping, as_list
from customer_intelligence.ingest.reading import JoinedLayout, Part, Reading, SheetsLayout

# They stand for the key where the fields of a file are not asked for.
_STAND_INS = ("invoice_no", "invoice_date", "customer_id", "line_amount", "description", "country")


def find_files(path: Path, mapping: SourceMapping) -> dict[str, Path]:
    """Return the files that a mapping joins, by the names that it gives them.

    Parameters
    ----------
    path : Path
        The file of the lines, with the others beside it, or the directory of all.
    mapping : SourceMapping
        With ``files``.

    Raises
    ------
    CustomerIntelligenceError
        E_NOT_FOUND or E_BAD_MAPPING where a name is that of no file, or of several; those of
        `check_regular_file` for each of them.
    """
    check_inside_root(path)
    is_of_several = is_directory(path)
    directory = path if is_of_several else path.parent
    found = {}
    for at, (name, stated) in enumerate(mapping.files.items()):
        is_given = at == 0 and not is_of_several
        found[name] = path if is_given else _find(directory, name, stated)
        check_regular_file(found[name])
    paths = list(found.values())
    tables = {
        (path.resolve(), stated.get("sheet"))
        for path, stated in zip(paths, mapping.files.values(), strict=True)
    }
    if len(tables) < len(paths):
        names = shown_names([one.name for one in paths])
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"The mapping's files are not all different: {names}.",
            "Give the file of the lines, or the directory, as DATA, and name each file once.",
        )
    return found


def find_lines(directory: Path, mapping: SourceMapping) -> Path:
    """Return the file of a directory that holds the lines.

    Raises
    ------
    CustomerIntelligenceError
        As `find_files` does.
    """
    check_inside_root(directory)
    name, stated = next(iter(mapping.files.items()))
    path = _find(directory, name, stated)
    check_regular_file(path)
    return path


def join(
    path: Path, mapping: SourceMapping, recognise: Callable[[Path, SourceMapping], Reading]
) -> Reading:
    """Recognise each of several files, and find the fields among the columns of all.

    A key that both sides call the same is there once. Another name that several files have is
    preceded by that of its file, as in ``orders.status``.

    Parameters
    ----------
    path : Path
        As for `find_files`.
    mapping : SourceMapping
        With ``files``.
    recognise : callable
        Reads one file by a mapping that says nothing of its fields but where the key is.

    Raises
    ------
    CustomerIntelligenceError
        One of the files is refused; E_BAD_MAPPING where a key is no column.
    """
    parts, plain = _parts(path, mapping, recognise)
    readings = [part.reading for part in parts]
    header = _unambiguous(plain, readings, [part.name for part in parts])
    columns = resolve_columns(header, mapping, path.name)
    dates, _ = plain[columns.positions["invoice_date"][0]]
    whole = Reading(
        path.resolve().name if is_directory(path) else path.name,
        tuple(header),
        tuple(readings[at].types[position] for at, position in plain),
        columns,
        mapping,
        JoinedLayout(parts, plain, dates),
        path.resolve() if is_directory(path) else path,
        expanded_bytes=sum(reading.expanded_bytes for reading in readings),
        notes=(
            *readings[0].notes,
            *(
                f"is joined with {reading.name}, which {note}"
                for reading in readings[1:]
                for note in reading.notes
            ),
        ),
    )
    return _with_names(whole)


def read_joined_header(
    path: Path, mapping: SourceMapping, recognise: Callable[[Path, SourceMapping], Reading]
) -> list[str]:
    """Return the names of the columns that `join` finds."""
    parts, plain = _parts(path, mapping, recognise)
    return _unambiguous(plain, [part.reading for part in parts], [part.name for part in parts])


def _parts(
    path: Path, mapping: SourceMapping, recognise: Callable[[Path, SourceMapping], Reading]
) -> tuple[list[Part], list[tuple[int, int]]]:
    """Return the files, each with its key, and part and position of each column of the whole."""
    paths = find_files(path, mapping)
    keys = [as_list(stated.get("key", [])) for stated in mapping.files.values()]
    matches = [
        as_list(stated.get("matches", key))
        for stated, key in zip(mapping.files.values(), keys, strict=True)
    ]
    names, readings = list(paths), []
    for at, file in enumerate(paths.values()):
        # The file of the lines has what the second is joined by.
        alike = _stand_in(mapping, names[at], keys[at] or matches[1], is_first=at == 0)
        readings.append(_recognised(file, names[at or 1], alike, recognise))
    parts: list[Part] = []
    plain: list[tuple[int, int]] = []
    for at, (name, reading) in enumerate(zip(names, readings, strict=True)):
        own = [
            position_of(one, reading.header, reading.name, f"files.{name}.key") for one in keys[at]
        ]
        sides = [_side(one, plain, readings, names, f"files.{name}") for one in matches[at]]
        same = {
            position
            for position, (side, other) in zip(own, sides, strict=True)
            if normalise(reading.header[position]) == normalise(readings[side].header[other])
        }
        parts.append(Part(name, reading, own, sides))
        plain += [(at, position) for position in range(len(reading.header)) if position not in same]
    return parts, plain


def without_unused(whole: Reading) -> Reading:
    """Leave out columns of further files that are no fields: every line would repeat them."""
    layout, columns = whole.layout_as(JoinedLayout), whole.columns
    used = columns.used | {at for at in [columns.rival_amount] if at is not None}
    kept = [at for at, (part, _) in enumerate(layout.columns) if part == 0 or at in used]
    header = tuple(whole.header[at] for at in kept)
    return dataclasses.replace(
        whole,
        header=header,
        types=tuple(whole.types[at] for at in kept),
        columns=resolve_columns(header, whole.mapping, whole.name),
        layout=dataclasses.replace(layout, columns=[layout.columns[at] for at in kept]),
    )


def _with_names(whole: Reading) -> Reading:
    """Tell each file how its columns are called, and where dates and fields are in a workbook."""
    layout, columns = whole.layout_as(JoinedLayout), whole.columns
    formulas = [*columns.derived.values(), *columns.order_refund.values()]
    formulas += [columns.order_amount] if columns.order_amount else []
    amounts = {at for formula in formulas for at in formula.positions.values()}
    amounts |= columns.firsts("quantity", "unit_price", "line_amount")
    parts = []
    for number, part in enumerate(layout.parts):
        own = {at: place for at, (of, place) in enumerate(layout.columns) if of == number}
        header = list(part.reading.header)
        for at, place in own.items():
            header[place] = whole.header[at]
        reading = dataclasses.replace(part.reading, header=tuple(header))
        if isinstance(reading.layout, SheetsLayout):
            used = {own[at] for at in columns.used & own.keys()} | set(part.key)
            # Without a date among its fields, no column of it is one.
            date = own.get(columns.positions["invoice_date"][0], len(header))
            sheets = [
                table._replace(
                    dates=date,
                    used=used,
                    repeated=used - {own[at] for at in amounts & own.keys()},
                )
                for table in reading.layout.sheets
            ]
            reading = dataclasses.replace(
                reading, layout=dataclasses.replace(reading.layout, sheets=sheets)
            )
        parts.append(dataclasses.replace(part, reading=reading))
    return dataclasses.replace(whole, layout=dataclasses.replace(layout, parts=parts))


def _stand_in(
    mapping: SourceMapping, name: str, key: Sequence[str], *, is_first: bool
) -> SourceMapping:
    """Return a mapping of the key alone, with all that it states about formats."""
    return dataclasses.replace(
        mapping,
        columns=dict(zip(_STAND_INS, itertools.cycle(key), strict=False)),
        derived={},
        absent=("stock_code", "quantity"),
        once_per_order=(),
        order_amount=None,
        order_refund={},
        rules={},
        header_row=mapping.header_row if is_first else None,
        sheet=mapping.files[name].get("sheet"),
    )


def _recognised(
    file: Path,
    name: str,
    mapping: SourceMapping,
    recognise: Callable[[Path, SourceMapping], Reading],
) -> Reading:
    try:
        return recognise(file, mapping)
    except CustomerIntelligenceError as refusal:
        if refusal.code not in ("E_MISSING_COLUMNS", "E_DUPLICATE_COLUMNS"):
            raise
        wanted = list(dict.fromkeys(map(str, mapping.columns.values())))
        found = refusal.what.rpartition("Found: ")[2]
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"{file.name} has no column, or several, for {shown_names(wanted)}, by which the "
            f"mapping's files.{name} is joined. Found: {found}",
            f"Write `{name}: {{file: …, key: …, matches: …}}`: the key as that file calls it, and "
            "what the files before it call the same.",
        ) from refusal


def _side(
    wanted: str,
    before: Sequence[tuple[int, int]],
    readings: Sequence[Reading],
    files: Sequence[str],
    key: str,
) -> tuple[int, int]:
    """Return part and position of the column of earlier files that a key is equal to."""
    fitting = [
        (at, position)
        for at, position in before
        if normalise(readings[at].header[position]) == normalise(wanted)
    ]
    if len(fitting) == 1:
        return fitting[0]
    names = _unambiguous(before, readings, files)
    return before[position_of(wanted, names, "the files before it", f"{key}.matches")]


def _unambiguous(
    columns: Sequence[tuple[int, int]], readings: Sequence[Reading], files: Sequence[str]
) -> list[str]:
    """Name the columns; names that occur in several files get the name of their file."""
    owners: dict[str, set[int]] = {}
    for at, position in columns:
        owners.setdefault(normalise(readings[at].header[position]), set()).add(at)
    return [
        f"{files[at]}.{name}" if len(owners[normalise(name)]) > 1 else name
        for at, name in ((at, readings[at].header[position]) for at, position in columns)
    ]


def _find(directory: Path, name: str, stated: Mapping[str, Any]) -> Path:
    if "file" not in stated:
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"{directory} is a directory, and the mapping's files.{name} does not say which file "
            "of it is meant.",
            f"Write `{name}: {{file: …}}`, or give that file itself as DATA.",
        )
    wanted = stated["file"]
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise unreadable(directory, error) from error
    fitting = [one for one in names if one == wanted] or [
        one for one in names if fnmatchcase(one, wanted)
    ]
    if len(fitting) == 1:
        return directory / fitting[0]
    if fitting:
        raise CustomerIntelligenceError(
            "E_BAD_MAPPING",
            f"Several files of {directory} are called {wanted!r}, which the mapping's files.{name} "
            f"names: {shown_names(fitting)}.",
            "Write the name of one file.",
        )
    raise CustomerIntelligenceError(
        "E_NOT_FOUND",
        f"There is no file {wanted!r} in {directory}, which the mapping's files.{name} names. "
        f"Found: {shown_names(names)}.",
        "Put the file there, or correct its name in the mapping.",
    )
