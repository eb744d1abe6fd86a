"""A relation of a database instead of files: the same columns and reasons, as one query.

What a relation may be: a table or view, a folder of Parquet files, or a schema with the tables of
a connector (`connectors`).
"""

import datetime as dt
import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow.parquet as pq
from pyarrow import ArrowException

from customer_intelligence.data_dir.layout import MAPPING_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import connectors
from customer_intelligence.ingest.check import rows_query
from customer_intelligence.ingest.columns import resolve_columns
from customer_intelligence.ingest.complete import copies_query
from customer_intelligence.ingest.files import shorten, shown_names
from customer_intelligence.ingest.mapping import SourceMapping, mapping_of
from customer_intelligence.ingest.presets import matching_preset, preset
from customer_intelligence.ingest.read import read_relation
from customer_intelligence.ingest.reading import Reading, RelationLayout
from customer_intelligence.ingest.survey import survey
from customer_intelligence.quoting import identifier, literal, path_literal

NUMBER = "record_number"
MAX_PARTS = 3
PARQUET = ".parquet"


class Relation(NamedTuple):
    """A relation that can be read as the raw layer's invoice lines."""

    reading: Reading
    query: str
    """Without parameters. Records are numbered by the column ``record_number`` where a table has
    one; else in the order of their values, and those of Parquet files as they stand there."""


class _Place(NamedTuple):
    """Where the records are."""

    sql: str
    number: str | None = None
    """SQL of the number of a record, where the place itself tells their order."""
    files: Sequence[str] = ()
    mapping: SourceMapping | None = None


def find_relation(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    latest: dt.datetime,
    stated: Mapping[str, Any] | None = None,
    *,
    base: Path = Path(),
) -> Relation:
    """Find out how to read a relation, as `recognise` does for a file.

    The relation counts as one load. Its customers are neither replaced by pseudonyms nor erased.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relation is.
    relation : str
        ``table``, ``schema.table`` or ``database.schema.table``, of DuckDB or attached; a folder
        of Parquet files, or a pattern of their names such as ``lake/*/*.parquet``; a schema that
        holds the tables of a connector.
    latest : datetime
        Lines dated later have the reason R_FUTURE_DATE.
    stated : mapping, optional
        What ``mapping.yml`` beside the rules says. Without it, a preset is taken where the header
        is that of the preset. It goes before what a connector says.
    base : Path
        Where the path of a folder starts.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_RELATION` when it does not exist or lacks a column, with the columns found;
        `E_BAD_MAPPING`; what `survey` refuses, such as `E_AMBIGUOUS_DATES`.
    """
    try:
        place = _find(connection, relation, stated, base)
        reading = _recognise(connection, relation, place, stated)
        return _surveyed(connection, reading, latest)
    except (duckdb.Error, ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip("!.")
        raise _bad_relation(
            relation,
            f"cannot be read: {reason}",
            "Name a table or view that the build can see, a folder of Parquet files, or a schema "
            f"with the tables of a connector ({', '.join(connectors.names())}).",
        ) from error


def _find(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    stated: Mapping[str, Any] | None,
    base: Path,
) -> _Place:
    if "/" in relation or relation.endswith(PARQUET):
        return _parquet_place(relation, base)
    parts = [part.strip().strip('"') for part in relation.split(".")]
    if len(parts) > MAX_PARTS or not all(parts):
        raise _bad_relation(relation, "is no name", "Write schema.table or database.schema.table.")
    quoted = ".".join(map(identifier, parts))
    try:
        connection.execute(f"describe select * from {quoted}")  # noqa: S608  # nosec
    except duckdb.CatalogException:
        found = connectors.find(connection, parts, stated)
        if found is None:
            raise
        return _Place(found.query, mapping=found.mapping)
    return _Place(quoted)


def _parquet_place(relation: str, base: Path) -> _Place:
    """List the files one by one: one that arrives during a build is not in it."""
    path = base / Path(relation).expanduser()
    pattern = f"{glob.escape(str(path))}/**/*{PARQUET}" if path.is_dir() else str(path)
    files = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
    if not files:
        raise _bad_relation(
            relation,
            f"holds no Parquet file ({path})",
            "Name a folder, or a pattern such as lake/*/*.parquet; paths start at the project.",
        )
    listed = ", ".join(path_literal(Path(name)) for name in files)
    return _Place(
        # A key of a partition such as customer=007 keeps its zeros.
        f"read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false, "
        "union_by_name = true, binary_as_string = true)",
        "row_number() over (order by file_index, file_row_number)",
        files,
    )


def _recognise(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    place: _Place,
    stated: Mapping[str, Any] | None,
) -> Reading:
    described = connection.execute(f"describe select * from {place.sql}").fetchall()  # noqa: S608  # nosec
    types = {name: kind for name, kind, *_ in described}
    is_numbered = NUMBER in types and place.number is None
    header = tuple(name for name in types if name != NUMBER or not is_numbered)
    notes: tuple[str, ...] = ()
    if place.mapping is not None:
        mapping = place.mapping
    elif stated is not None:
        mapping = mapping_of(stated, MAPPING_FILE)
    elif (name := matching_preset(header)) is not None:
        mapping, notes = preset(name), (f"has the header of the preset {name}, and is read so",)
    else:
        mapping = SourceMapping()
    try:
        columns = resolve_columns(header, mapping, relation)
    except CustomerIntelligenceError as error:
        raise _bad_relation(
            relation,
            f"cannot be read as invoice lines: {error.what}",
            f"{error.hint.partition(f' in {MAPPING_FILE}')[0].rstrip('.')} in {MAPPING_FILE} of "
            "the data directory, or give the columns such names in a view, and name that.",
        ) from error
    number = place.number
    if is_numbered:
        number = f"cast({NUMBER} as bigint)"
        if place.mapping is None:
            _check_numbers(connection, relation, place)
    elif number is None:
        if "invoice_no" in mapping.once_per_order:
            raise _bad_relation(
                relation,
                "does not tell which lines follow an order's first one",
                f"Number its records in a column {NUMBER}.",
            )
        used = ", ".join(identifier(header[position]) for position in sorted(columns.used))
        number = f"row_number() over (order by {used})"
    source = place.sql
    # Only DuckDB has them; they are texts.
    enums = [name for name in header if types[name].startswith("ENUM")]
    if enums:
        texts = ", ".join(f"cast({identifier(n)} as varchar) as {identifier(n)}" for n in enums)
        source = f"(select * replace ({texts}) from {source})"  # noqa: S608  # nosec
        types |= dict.fromkeys(enums, "VARCHAR")
    zones = _zones(relation, header, types, place.files, mapping)
    kinds = tuple("TIMESTAMP" if at in zones else types[name] for at, name in enumerate(header))
    unused = [name for at, name in enumerate(header) if at not in columns.used]
    if unused and place.mapping is None:
        notes += (f"has columns that are not used: {shown_names(unused)}",)
    return Reading(
        relation,
        header,
        kinds,
        columns,
        mapping,
        RelationLayout(source, number, zones),
        notes=notes,
    )


def _check_numbers(connection: duckdb.DuckDBPyConnection, relation: str, place: _Place) -> None:
    number = f"try_cast({NUMBER} as bigint)"
    query = f"select count(*), count(distinct {number}), min({number}) from {place.sql}"  # noqa: S608  # nosec
    ((records, numbers, smallest),) = connection.execute(query).fetchall()
    if records != numbers or (smallest or 0) < 0:
        raise _bad_relation(
            relation,
            f"has a column {NUMBER} that does not give every record a whole number of its own",
            "Correct it, or leave the column out.",
        )


def _zones(
    relation: str,
    header: Sequence[str],
    types: Mapping[str, str],
    files: Sequence[str],
    mapping: SourceMapping,
) -> dict[int, str]:
    """Return the zone of each column of instants: DuckDB does not know it, Parquet files do."""
    instants = [at for at, name in enumerate(header) if "WITH TIME ZONE" in types[name]]
    if not instants or not files:
        return {}
    if mapping.timezone is not None:
        return dict.fromkeys(instants, "UTC")
    found: dict[str, set[str]] = {header[at]: set() for at in instants}
    for file in files:
        for field in pq.read_schema(file):
            if field.name in found:
                found[field.name].add(getattr(field.type, "tz", None) or "UTC")
    for name, zones in found.items():
        if len(zones) > 1:
            raise _bad_relation(
                relation,
                f'has times in "{shorten(name)}" on several clocks: {", ".join(sorted(zones))}',
                f"Name the shop's zone in {MAPPING_FILE} of the data directory: "
                "`timezone: Area/City`.",
            )
    return {at: next(iter(found[header[at]]), "UTC") for at in instants}


def _surveyed(
    connection: duckdb.DuckDBPyConnection, reading: Reading, latest: dt.datetime
) -> Relation:
    source = read_relation(reading).query

    def fetch(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(f"with source as ({source}) from ({query})").fetchall()

    reading = survey(reading, fetch)
    rows = rows_query(
        reading,
        {
            "load_number": "1",
            "load_id": literal(reading.name),
            "source_file": literal(reading.name),
            "file_sha256": "cast(null as varchar)",
            "latest": f"timestamp '{latest:%Y-%m-%d %H:%M:%S}'",
        },
    )
    copies = copies_query(reading)
    return Relation(
        reading,
        f"with source as ({source}), copies as ({copies}) select * from ({rows})",  # noqa: S608  # nosec
    )


def _bad_relation(relation: str, what: str, hint: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_BAD_RELATION", f"The raw_relation {relation} {what.rstrip('.')}.", hint
    )
