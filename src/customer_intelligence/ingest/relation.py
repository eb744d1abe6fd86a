"""A relation of a database in place of files: the same columns and reasons, as one query."""

import datetime as dt

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.check import rows_query
from customer_intelligence.ingest.columns import resolve_columns
from customer_intelligence.ingest.complete import copies_query
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.read import read_relation
from customer_intelligence.ingest.reading import Reading, RelationLayout
from customer_intelligence.ingest.survey import survey
from customer_intelligence.quoting import identifier, literal

MAX_PARTS = 3


def relation_query(
    connection: duckdb.DuckDBPyConnection, relation: str, latest: dt.datetime
) -> str:
    """Write the query that reads a relation as the raw layer's invoice lines.

    The relation counts as one load. It is read as it is at every query: its customers are neither
    replaced by pseudonyms nor erased.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relation is.
    relation : str
        ``table``, ``schema.table`` or ``database.schema.table``, of DuckDB or attached.
    latest : datetime
        Lines dated later have the reason R_FUTURE_DATE.

    Returns
    -------
    str
        A query without parameters. Records are numbered by the column ``record_number`` where
        there is one, else in the order of their values.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_RELATION` when it does not exist or lacks a column, with the columns found;
        `E_AMBIGUOUS_DATES` when dates are text that can be read in two ways.
    """
    parts = relation.split(".")
    if len(parts) > MAX_PARTS or not all(part.strip() for part in parts):
        raise _bad_relation(relation, "is no name", "Write schema.table or database.schema.table.")
    quoted = ".".join(identifier(part.strip().strip('"')) for part in parts)
    try:
        described = connection.execute(f"describe select * from {quoted}").fetchall()  # noqa: S608  # nosec
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip("!.")
        raise _bad_relation(
            relation, f"cannot be read: {reason}", "Name a table or view that the build can see."
        ) from error
    types = {name: kind for name, kind, *_ in described}
    header = tuple(name for name in types if name != "record_number")
    try:
        columns = resolve_columns(header, SourceMapping(), relation)
    except CustomerIntelligenceError as error:
        raise _bad_relation(
            relation,
            f"cannot be read as invoice lines: {error.what}",
            "Give the columns names such as invoice_no, invoice_date and unit_price in a view, "
            "and name that.",
        ) from error
    if "record_number" in types:
        number = "cast(record_number as bigint)"
    else:
        used = ", ".join(identifier(header[position]) for position in sorted(columns.used))
        number = f"row_number() over (order by {used})"
    reading = Reading(
        relation,
        header,
        tuple(types[name] for name in header),
        columns,
        SourceMapping(),
        RelationLayout(quoted, number),
    )
    source = read_relation(reading).query
    copies = copies_query(reading)

    def fetch(query: str) -> list[tuple]:
        return connection.execute(f"with source as ({source}) from ({query})").fetchall()

    rows = rows_query(
        survey(reading, fetch),
        {
            "load_number": "1",
            "load_id": literal(relation),
            "source_file": literal(relation),
            "file_sha256": "cast(null as varchar)",
            "latest": f"timestamp '{latest:%Y-%m-%d %H:%M:%S}'",
        },
    )
    return f"with source as ({source}), copies as ({copies}) select * from ({rows})"  # noqa: S608  # nosec


def _bad_relation(relation: str, what: str, hint: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_BAD_RELATION", f"The raw_relation {relation} {what.rstrip('.')}.", hint
    )
