"""Write a mart as a CSV file that is safe to open in a spreadsheet.

Run as `python -m customer_intelligence.export MART --out FILE [--data-dir DIR]`.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.pseudonyms import same_id_as_sql
from customer_intelligence.ingest.tombstones import read_tombstones
from customer_intelligence.marts import data_directory, open_marts

NUMBERS = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    *("FLOAT", "DOUBLE", "DECIMAL"),
}
# Where a cell starts: at the start of the text, and behind a semicolon, a tab or a line break,
# at which spreadsheets of some countries split a line whatever its quotes say. A formula is what
# starts with = + - @, their full-width or small forms, a tab or a line break; blanks, quotes and
# invisible characters before it do not hold it back.
_FORMULA = re.compile(
    r"(?:^|(?<=[;\t\r\n]))"
    r"(?=(?:[^\S\t\r\n]|[\"'`\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff])*"
    r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)
# But a text that is nothing else than a number or a telephone number with a sign stays as it is:
# digits, blanks, dashes, dots, slashes and parentheses are a sum at most. They call no function,
# read no cell and start nothing, and with an apostrophe the tool that reads the file would take
# the telephone number for another customer's id.
_BLANK = "[ \\xa0\\u2007\\u202f]"
_NUMBER = re.compile(
    rf"{_BLANK}*[+-](?:[0-9]+(?:[.,][0-9]+)*(?:[eE][+-]?[0-9]+)?"
    rf"|(?:{_BLANK}|\()*[0-9](?:[0-9().\-/]|{_BLANK})*)"
)
_BATCH = 10_000
# What lies in a data directory for the project itself.
OWN_NAMES = ("raw", "build", "published", "campaigns", "shop.yml", "do_not_contact.csv")


def defuse(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with an apostrophe wherever a formula would start; other texts as they are, and
        so are numbers and telephone numbers, whatever their sign.
    """
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)


def write_csv(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    is_text: Sequence[bool],
) -> int:
    """Write rows to a CSV file, whole or not at all.

    The file is UTF-8 with a byte order mark, by which spreadsheets know it. It can be read
    by its owner only, until the owner says otherwise.

    Parameters
    ----------
    path : path
        Where to write; a file that is there is replaced.
    columns : sequence of str
        The header.
    rows : iterable of sequences
        The cells, as text; none becomes an empty cell.
    is_text : sequence of bool
        Which columns hold text, which is defused; numbers stay as they are.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_A_FILE` when something other than a file is there, `E_CANNOT_WRITE` when the
        directory or the disk does not take it; nothing changes then.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise CustomerIntelligenceError(
            "E_NOT_A_FILE", f"{path} is there and is no file.", "Name a file to write to."
        )
    pending = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".export-", delete=False, encoding="utf-8-sig", newline=""
        ) as file:
            pending = Path(file.name)
            writer = csv.writer(file)
            writer.writerow([defuse(column) for column in columns])
            count = 0
            for row in rows:
                writer.writerow(
                    [
                        defuse(cell) if text and cell is not None else cell
                        for cell, text in zip(row, is_text, strict=True)
                    ]
                )
                count += 1
            file.flush()
            os.fsync(file.fileno())
        # A link in the file's place gives way to the file; nothing is written where it leads.
        pending.replace(path)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_CANNOT_WRITE",
            f"{path} cannot be written: {error.strerror or error}.",
            "Name another file, or make room.",
        ) from error
    finally:
        if pending is not None:
            pending.unlink(missing_ok=True)
    return count


def refuse_own_folders(path: str | os.PathLike[str], data_dir: Path) -> None:
    """Raise `E_OWN_FOLDER` for a path at which the project keeps its own files.

    No path at all, which is the current directory, raises `E_NO_OUT`.
    """
    if Path(path) == Path():
        raise CustomerIntelligenceError(
            "E_NO_OUT", "It was not said which file to write.", "Add OUT=file.csv."
        )
    wanted = Path(path).resolve()
    for name in OWN_NAMES:
        own = (data_dir / name).resolve()
        if own in (wanted, *wanted.parents):
            raise CustomerIntelligenceError(
                "E_OWN_FOLDER",
                f"{own} is the project's own.",
                "Write the export somewhere else.",
            )


def export_query(
    marts: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Mapping[str, object],
    path: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
) -> int:
    """Write what a query finds to a CSV file, rows sorted by the columns from left to right.

    Rows of customers who were erased after the marts were built are left out.

    Parameters
    ----------
    marts : duckdb.DuckDBPyConnection
        The published marts.
    query : str
        The project's own SQL, or names that the marts themselves gave; what a person typed
        comes in `parameters`.
    parameters : mapping
        Values of the query's named parameters.
    path : path
        Where to write, outside the folders that the project keeps its own files in.
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CustomerIntelligenceError
        `E_OWN_FOLDER`, `E_TOO_BIG`, `E_TOMBSTONES`, and those of `write_csv`.
    """
    refuse_own_folders(path, data_directory(data_dir))
    described = marts.execute(f"describe {query}", parameters).fetchall()
    columns = [name for name, *_ in described]
    names = [f'm."{name}"' for name in columns]
    where = ""
    if "customer_id" in columns:
        where, known = not_erased("m.customer_id", data_directory(data_dir) / "raw")
        parameters = {**parameters, **known}
    try:
        answer = marts.execute(
            f"select {', '.join(f'{name}::varchar' for name in names)} "  # noqa: S608  # nosec
            f"from ({query}) as m {where and 'where ' + where} order by {', '.join(names)}",
            parameters,
        )
        batches = iter(lambda: answer.fetchmany(_BATCH), [])
        return write_csv(
            path,
            columns,
            (row for batch in batches for row in batch),
            [kind.partition("(")[0] not in NUMBERS for _, kind, *_ in described],
        )
    except duckdb.OutOfMemoryException:
        raise CustomerIntelligenceError(
            "E_TOO_BIG",
            "The rows are too many to be sorted in memory, and far too many for a spreadsheet.",
            "Read them with `open_marts` or any DuckDB tool instead.",
        ) from None


def not_erased(column: str, raw: Path) -> tuple[str, dict[str, object]]:
    """Write the condition in SQL that a customer was not erased, with its parameters.

    Between an erasure and the next build, published marts still hold who was erased.

    Parameters
    ----------
    column : str
        The column of customer ids.
    raw : Path
        The raw layer.

    Returns
    -------
    condition : str
        Empty when nobody was erased.
    parameters : dict
    """
    tombstones = read_tombstones(raw)
    if tombstones is None:
        return "", {}
    hashes = [entry["hash"] for entry in tombstones["customers"]]
    spellings = (f"cast({column} as varchar)", same_id_as_sql(f"cast({column} as varchar)"))
    is_erased = " or ".join(
        f"list_contains($erased, sha256($salt || encode({spelling})))" for spelling in spellings
    )
    return (
        f"not coalesce({is_erased}, false)",
        {"erased": hashes, "salt": bytes.fromhex(tombstones["salt"])},
    )


def export(
    mart: str, path: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> int:
    """Write a published mart to a CSV file, its rows sorted by its columns from left to right.

    Parameters
    ----------
    mart : str
        Name of the mart.
    path : path
        Where to write, outside the folders that the project keeps its own files in.
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CustomerIntelligenceError
        `E_UNKNOWN_MART`, and those of `export_query` and `open_marts`.
    """
    with open_marts(data_dir) as marts:
        known = sorted(row[0] for row in marts.execute("select mart from _meta").fetchall())
        if mart not in known:
            raise CustomerIntelligenceError(
                "E_UNKNOWN_MART", f"There is no mart {mart!r}.", f"Marts are: {', '.join(known)}."
            )
        # The name of the mart is one of the publication's own.
        return export_query(marts, f'from "{mart}"', {}, path, data_dir)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file was written, 2 when it was refused."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_intelligence.export",
        description="Write a mart as a CSV file that is safe to open in a spreadsheet.",
    )
    parser.add_argument("mart", help="name of the mart, such as dim_customers")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--data-dir", help="data directory of the build")
    options = parser.parse_args(arguments)
    try:
        count = export(options.mart, options.out, options.data_dir)
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{count:,} rows of {options.mart}: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
