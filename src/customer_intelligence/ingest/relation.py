"""A relation of a database in place of files: the same columns and reasons, as one query."""

import datetime as dt

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.checks import (
    NO_FINDINGS,
    date_survey_query,
    literal,
    proven_date_order,
    raw_rows_query,
)
from customer_intelligence.ingest.mapping import SourceMapping, resolve_columns

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
    quoted = ".".join(_quoted(part.strip()) for part in parts)
    try:
        described = connection.execute(f"describe select * from {quoted}").fetchall()  # noqa: S608  # nosec
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip("!.")
        raise _bad_relation(
            relation, f"cannot be read: {reason}", "Name a table or view that the build can see."
        ) from error
    types = {name: kind for name, kind, *_ in described}
    header = [name for name in types if name != "record_number"]
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
        used = ", ".join(_quoted(header[position]) for position in sorted(columns.values()))
        number = f"row_number() over (order by {used})"
    selected = ", ".join(f"{_quoted(name)} as c{position}" for position, name in enumerate(header))
    source = (
        f"select {number} as record_number, cast(null as bigint) as line_number, "  # noqa: S608  # nosec
        f"{selected}, {NO_FINDINGS} from {quoted}"
    )
    date_order = None
    date = columns["invoice_date"]
    if types[header[date]] == "VARCHAR":
        survey = date_survey_query(f"c{date}")
        found = connection.execute(f"with source as ({source}) from ({survey})").fetchone()
        date_order = proven_date_order(found, header[date], relation)
    rows = raw_rows_query(
        columns,
        {},
        [types[name] for name in header],
        header,
        SourceMapping(),
        date_order,
        {
            "load_number": "1",
            "load_id": literal(relation),
            "source_file": literal(relation),
            "file_sha256": "cast(null as varchar)",
            "latest": f"timestamp '{latest:%Y-%m-%d %H:%M:%S}'",
        },
    )
    return f"with source as ({source}) select * from ({rows})"  # noqa: S608  # nosec


def _quoted(name: str) -> str:
    return '"' + name.strip('"').replace('"', '""') + '"'


def _bad_relation(relation: str, what: str, hint: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_BAD_RELATION", f"The raw_relation {relation} {what.rstrip('.')}.", hint
    )
