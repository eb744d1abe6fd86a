"""What is published now, opened to be copied elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from customer_intelligence.data_dir.layout import DATABASE, PUBLISHED, RAW
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import erasure_number
from customer_intelligence.publication.reader import (
    DAMAGE,
    READ_ERRORS,
    READER_CONFIG,
    current_version,
    damaged,
    old_marts,
    open_version,
    problem_of,
    reason_of,
)
from customer_intelligence.quoting import identifier, literal

# Those of a reader, except that files can be written.
_CONFIG = {
    name: value
    for name, value in READER_CONFIG.items()
    if name not in ("enable_external_access", "lock_configuration")
}
_ATTACHED = "edition"


class Column(NamedTuple):
    """A column of a published table; its type in the words of DuckDB."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class PublishedTable:
    """A published table and what the publication states of it."""

    schema: str
    name: str
    rows: int
    keys: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    description: str
    columns: tuple[Column, ...]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def relation(self) -> str:
        """The quoted name on the edition's connection."""
        return f"{_ATTACHED}.{identifier(self.schema)}.{identifier(self.name)}"


@dataclass(frozen=True)
class Edition:
    """A published version on a connection that can also write files."""

    connection: duckdb.DuckDBPyConnection
    data_dir: Path
    version: str

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The row of `_meta`."""
        answer = self.connection.execute(f"from {_ATTACHED}.main._meta")
        names = [column[0] for column in answer.description or []]
        return dict(zip(names, answer.fetchone() or (), strict=True))

    @cached_property
    def tables(self) -> tuple[PublishedTable, ...]:
        """All published tables, by schema and name."""
        columns: dict[tuple[str, str], list[Column]] = {}
        for schema, table, *column in self.connection.execute(
            "select schema_name, table_name, column_name, data_type, coalesce(comment, '') "
            "from duckdb_columns() where database_name = $name order by 1, 2, column_index",
            {"name": _ATTACHED},
        ).fetchall():
            columns.setdefault((schema, table), []).append(Column(*column))
        stated = self.connection.execute(
            "select m.table_schema, m.table_name, m.row_count, m.keys, m.foreign_keys, "  # noqa: S608  # nosec
            f"coalesce(t.comment, '') from {_ATTACHED}.main._meta_tables as m "
            "inner join duckdb_tables() as t on t.database_name = $name "
            "and t.schema_name = m.table_schema and t.table_name = m.table_name order by 1, 2",
            {"name": _ATTACHED},
        ).fetchall()
        return tuple(
            PublishedTable(
                *(schema, name, rows, tuple(keys), tuple(foreign_keys), description),
                columns=tuple(columns[schema, name]),
            )
            for schema, name, rows, keys, foreign_keys, description in stated
        )

    def fingerprint(self, table: PublishedTable) -> str:
        """Return a hash of a table: its rows in any order, columns, keys and descriptions."""
        ((count, total),) = self.connection.execute(
            f"select count(*), sum(hash(t)) from {table.relation} as t"  # noqa: S608  # nosec
        ).fetchall()
        # Another release of DuckDB may hash otherwise.
        said = [duckdb.__version__, count, str(total), table.columns, table.keys]
        said += [table.foreign_keys, table.description]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def has_null(self, table: PublishedTable, columns: list[str]) -> bool:
        """Return whether a row has no value in one of the columns."""
        condition = " or ".join(f"{identifier(name)} is null" for name in columns)
        ((found,),) = self.connection.execute(
            f"select count(*) > 0 from {table.relation} where {condition}"  # noqa: S608  # nosec
        ).fetchall()
        return bool(found)

    def error(self, error: BaseException, where: str) -> CustomerIntelligenceError:
        """Return why copying failed: the version is damaged, or the destination takes nothing."""
        problem = problem_of(self.data_dir / PUBLISHED / self.version, self.version)
        if problem is not None:
            return damaged(self.data_dir, f"The version {self.version} is damaged: {problem}.")
        return CustomerIntelligenceError(
            "E_CANNOT_WRITE",
            f"{where} cannot be written: {reason_of(error)}.",
            "Make room, or make it writable, then publish again. What was there before stays.",
        )


@contextlib.contextmanager
def opened(data_dir: Path) -> Iterator[Edition]:
    """Open what readers see now for copying it.

    Parameters
    ----------
    data_dir : Path
        The data directory.

    Yields
    ------
    Edition
        It stays the same whatever a build publishes meanwhile.

    Raises
    ------
    CustomerIntelligenceError
        Those of `current_version`; `E_DAMAGED` when the version cannot be read; `E_OLD_MARTS` when
        an earlier release has published it; `E_ERASED` when it may name a customer who has been
        erased since.
    """
    version = current_version(data_dir)
    while True:
        folder = data_dir / PUBLISHED / version
        connection = duckdb.connect(config=dict(_CONFIG))
        try:
            # What it refuses, such as links, is refused here.
            open_version(folder).close()
            path = literal(str(folder / DATABASE))
            connection.execute(f"attach {path} as {_ATTACHED} (read_only)")
            break
        except READ_ERRORS as error:
            connection.close()
            # A newer build may have pruned this version since `current` was read.
            tried, version = version, current_version(data_dir)
            if version == tried:
                what = f"{folder / DATABASE} cannot be opened: {reason_of(error)}"
                raise damaged(data_dir, what) from error
    edition = Edition(connection, data_dir, version)
    with connection:
        try:
            _refuse_erased(edition)
            yield edition
        except DAMAGE as error:
            raise edition.error(error, "The copy") from error
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise old_marts(data_dir, error) from error


def _refuse_erased(edition: Edition) -> None:
    query = f"select erasures_known from {_ATTACHED}.main._meta"  # noqa: S608  # nosec
    ((known,),) = edition.connection.execute(query).fetchall()
    if known != erasure_number(edition.data_dir / RAW):
        raise CustomerIntelligenceError(
            "E_ERASED",
            f"A customer was erased, and the published version {edition.version} does not know of "
            "it.",
            "Build first: `make build` publishes without the customer.",
        )
