"""Write a mart as a CSV file that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from customer_intelligence.data_dir.layout import RAW, data_directory
from customer_intelligence.data_dir.outputs import check_output, written
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.do_not_contact import not_listed
from customer_intelligence.ingest.pseudonyms import same_id_as_sql
from customer_intelligence.ingest.tombstones import read_tombstones
from customer_intelligence.publication.reader import reading
from customer_intelligence.quoting import identifier

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

    The file is UTF-8 with a byte order mark, which spreadsheets recognise. Only its owner can
    read it, until the owner changes the permissions.

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
        Those of `outputs.written`; nothing changes then.
    """
    count = 0
    with written(path) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        writer = csv.writer(text)
        writer.writerow([defuse(column) for column in columns])
        for row in rows:
            writer.writerow(
                [
                    defuse(cell) if is_words and cell is not None else cell
                    for cell, is_words in zip(row, is_text, strict=True)
                ]
            )
            count += 1
        # Not closed: the file is still to be written through to the disk.
        text.detach()
    return count


def export_query(
    marts: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Mapping[str, object],
    path: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    is_contact: str | None = None,
) -> int:
    """Write the result of a query to a CSV file, sorted by the columns from left to right.

    Customers erased after the build are left out. So are contacts of customers added to
    `do_not_contact.csv` after the build.

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
    is_contact : str, optional
        Condition in SQL of the rows that ask for contact; by default the column `is_contact`
        where there is one, else none.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CustomerIntelligenceError
        `E_TOO_BIG`, `E_TOMBSTONES`, those of `do_not_contact.listed_ids`, and those of
        `outputs.check_output` and `write_csv`.
    """
    check_output(path, data_directory(data_dir))
    described = marts.execute(f"describe {query}", parameters).fetchall()
    columns = [name for name, *_ in described]
    names = [f"m.{identifier(name)}" for name in columns]
    where = ""
    if "customer_id" in columns:
        where, known = not_erased("m.customer_id", data_directory(data_dir) / RAW)
        parameters = {**parameters, **known}
        if is_contact is None and "is_contact" in columns:
            is_contact = "m.is_contact"
        if is_contact is not None:
            unlisted, listed = not_listed("m.customer_id", data_directory(data_dir))
            if unlisted:
                condition = f"(not ({is_contact}) or {unlisted})"
                where = f"{where} and {condition}" if where else condition
                parameters |= listed
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

    Between an erasure and the next build, published marts still contain the erased customer.

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
        `E_UNKNOWN_MART`, and those of `export_query` and `reading`.
    """
    with reading(data_dir) as marts:
        known = [
            name
            for (name,) in marts.execute(
                "select table_name from _meta_tables order by table_name"
            ).fetchall()
        ]
        if mart not in known:
            raise CustomerIntelligenceError(
                "E_UNKNOWN_MART", f"There is no mart {mart!r}.", f"Marts are: {', '.join(known)}."
            )
        # The name of the mart is one of the publication's own.
        return export_query(marts, f"from {identifier(mart)}", {}, path, data_dir)
