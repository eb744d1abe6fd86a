"""The start of every dbt command: check the vars, find the source, create the schema ``raw``.

The schema is made anew each time and appears whole: invoice lines and loads, the rules of the
shop, who must not be contacted, campaigns, and the clusters that are published now.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from customer_intelligence import do_not_contact, preflight
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.gate import WORKING
from customer_intelligence.ingest import load
from customer_intelligence.ingest.pipeline import FUTURE_TOLERANCE
from customer_intelligence.ingest.pseudonyms import same_id_as_sql
from customer_intelligence.ingest.reading import Reading
from customer_intelligence.ingest.relation import MAPPING_FILE, find_relation
from customer_intelligence.ingest.rules import (
    DEFAULTS,
    NO_CURRENCY,
    code_rules,
    description_rules,
    status_rules,
)
from customer_intelligence.ingest.shop import (
    SHOP_FILE,
    compare,
    read_shop,
    shop_of_loads,
    stated_rules,
)
from customer_intelligence.ingest.yaml_files import read_yaml
from customer_intelligence.marts import open_marts, previous_clusters
from customer_intelligence.quoting import path_literal
from customer_intelligence.variables import check_variables

SAMPLE = Path("data", "sample")
LOAD_COLUMNS = {
    "load_id": "varchar",
    "load_number": "integer",
    "source_file": "varchar",
    "file_sha256": "varchar",
    "records": "bigint",
    "pseudonym_key": "varchar",
    "loaded_at": "varchar",
}
RULE_COLUMNS = {
    "currency": "varchar",
    "cancellation_prefix": "varchar",
    "adjustment_prefix": "varchar",
    "negative_lines_are_returns": "boolean",
    "drops_copies": "boolean",
    "invoice_numbers_restart": "boolean",
    "believes_far_off_dates": "boolean",
}
CODE_COLUMNS = {
    "code_rule_rank": "integer",
    "stock_code": "varchar",
    "code_pattern": "varchar",
    "stock_code_class": "varchar",
}
DESCRIPTION_COLUMNS = {
    "description_rule_rank": "integer",
    "description_pattern": "varchar",
    "stock_code_class": "varchar",
}
STATUS_COLUMNS = {"status_word": "varchar", "status_class": "varchar"}
NOBODY_COLUMNS = {"customer_id": "varchar"}
# What loads lack that were made before there was such a column; null means "as before".
LATER_COLUMNS = {
    "consent": "varchar",
    "is_cancelled_order": "boolean",
    "order_status": "varchar",
    "refunded_amount": "decimal(18, 4)",
    "refunded_at": "timestamp",
    "is_refund_estimated": "boolean",
    "copy_number": "integer",
}
CLUSTER_COLUMNS = {
    "cluster_id": "integer",
    "days_since_last_order": "double",
    "frequency": "double",
    "net_revenue": "double",
}
ASSIGNMENT_COLUMNS = {
    "campaign": "varchar",
    "starts_on": "date",
    "customer_id": "varchar",
    "action": "varchar",
    "is_holdout": "boolean",
}


@dataclass(frozen=True)
class Shop:
    """What is built: where its lines are, what was loaded, and its rules."""

    words: str
    lines: str
    """A query without parameters."""
    manifests: Sequence[Mapping[str, Any]]
    rules: Mapping[str, Any]


def start_run(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    *,
    project_dir: str,
    variables: Mapping[str, object],
    given: Sequence[str],
    started_at: str,
    command: str = "build",
) -> str:
    """Prepare a dbt command.

    Parameters
    ----------
    connection : DuckDBPyConnection
        To the work database, with no transaction open.
    data_dir : Path
    project_dir : str
        Where the bundled sample is, in ``data/sample``.
    variables : mapping
        The value of every var.
    given : sequence of str
        Names of the vars on the command line.
    started_at : str
        Moment of the command, ISO, in UTC.
    command : str
        Of dbt. Those that only compile leave no mark of a run that must end.

    Returns
    -------
    str
        What is built, in words.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_VARS, E_BAD_SHOP, E_NO_SHOP, E_DAMAGED_LOAD, E_LOADS_GONE, E_BAD_RELATION, or
        E_DO_NOT_CONTACT and E_OTHER_KEY where it cannot be told who must not be contacted.
    """
    check_variables(variables, given)
    relation = variables["raw_relation"]
    latest = dt.datetime.fromisoformat(started_at) + FUTURE_TOLERANCE
    if relation is None:
        shop = find_shop(data_dir, Path(project_dir) / SAMPLE)
    else:
        shop = _shop_of_relation(connection, data_dir, str(relation), latest, Path(project_dir))
    if command in WORKING:
        preflight.begin_run(data_dir)
    # A relation of others may change while it is read; a load never does.
    is_copied = relation is not None and command in WORKING
    _make_raw_schema(connection, data_dir, shop, is_copied=is_copied)
    return shop.words


def find_shop(data_dir: Path, sample: Path) -> Shop:
    """Return the shop of the loads; the sample only where nothing was ever loaded or published.

    Raises
    ------
    CustomerIntelligenceError
        E_LOADS_GONE where there were loads once; what is wrong with a load or with the rules.
    """
    load.settle_shop(data_dir)
    manifests = load.read_manifests(data_dir / "raw")
    if manifests:
        rules = shop_of_loads(data_dir)
        _check_copies_are_known(data_dir, manifests, rules)
        words = f"{len(manifests)} load(s) in {data_dir}/raw"
        return Shop(words, _lines_of_loads(data_dir, manifests), manifests, rules)
    of_sample = load.read_manifests(sample / "raw")
    evidence = _evidence_of_loads(data_dir, of_sample)
    if evidence is not None:
        raise CustomerIntelligenceError(
            "E_LOADS_GONE",
            f"There is no load in {data_dir / 'raw'}, and {evidence}.",
            "Restore raw/ from a backup, add the files again with DATA=…, or name the raw_relation "
            "that was built on; for the bundled sample, name another DATA_DIR.",
        )
    words = f"the bundled sample (no load in {data_dir}/raw)"
    return Shop(words, _lines_of_loads(sample, of_sample), of_sample, shop_of_loads(sample))


def _check_copies_are_known(
    data_dir: Path, manifests: Sequence[Mapping[str, Any]], rules: Mapping[str, Any]
) -> None:
    """Refuse loads made before duplicates were recorded, if the shop drops duplicates."""
    if rules.get("copies") != "drop":
        return
    for manifest in manifests:
        directory = data_dir / "raw" / manifest["load_id"]
        if "copy_number" not in pq.read_schema(directory / load.ROWS_FILE).names:
            raise CustomerIntelligenceError(
                "E_OLD_LOAD",
                f"{directory} does not tell which lines are copies, and {SHOP_FILE} drops them.",
                f"Remove it and load {manifest['source_file']} again, or write `copies: count`.",
            )


def _evidence_of_loads(data_dir: Path, of_sample: Sequence[Mapping[str, Any]]) -> str | None:
    if (data_dir / SHOP_FILE).exists() or (data_dir / SHOP_FILE).is_symlink():
        return f"there is a {SHOP_FILE}, which comes with one"
    known = {manifest["file_sha256"] for manifest in of_sample}
    try:
        with open_marts(data_dir) as marts:
            published = marts.execute("select load_id, file_sha256 from rpt_loads").fetchall()
    except (CustomerIntelligenceError, duckdb.Error):
        # Nothing is published, or nothing that can be read and lost.
        return None
    others = [load_id for load_id, sha256 in published if sha256 not in known]
    return f"the published marts were built from {others[0]}" if others else None


def _shop_of_relation(
    connection: duckdb.DuckDBPyConnection,
    data_dir: Path,
    relation: str,
    latest: dt.datetime,
    project: Path,
) -> Shop:
    """Return the shop of a relation; its rules are those of its mapping where there is no file."""
    path = data_dir / MAPPING_FILE
    stated = read_yaml(path, "E_BAD_MAPPING") if path.exists() else None
    found = find_relation(connection, relation, latest, stated, base=project)
    reading = found.reading
    named = stated_rules(reading.mapping, reading.currency)
    rules = read_shop(data_dir)
    notes = list(reading.notes)
    if reading.clock != Reading.clock:
        notes.append(f"has the clock {reading.clock}")
    words = f"the relation {relation}"
    if rules is not None:
        notes += compare(relation, named, rules)
    elif named.keys() - {"currency"}:
        words += f" (without {data_dir / SHOP_FILE}: the rules of its mapping)"
    else:
        words += f" (without {data_dir / SHOP_FILE}: every code is merchandise, signs decide)"
    return Shop("; it ".join([words, *notes]), found.query, [], named if rules is None else rules)


def _lines_of_loads(directory: Path, manifests: Sequence[Mapping[str, Any]]) -> str:
    """Write the query over all loads, named one by one: one that arrives later is not in it."""
    files = ", ".join(
        # Brackets in the name of a directory are not taken for a pattern.
        path_literal(directory / "raw" / manifest["load_id"] / load.ROWS_FILE)
        for manifest in manifests
    )
    later = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in LATER_COLUMNS.items())
    return (
        f"select {later} where false union all by name "  # noqa: S608  # nosec
        f"select * from read_parquet([{files}], union_by_name = true)"
    )


def _make_raw_schema(
    connection: duckdb.DuckDBPyConnection, data_dir: Path, shop: Shop, *, is_copied: bool
) -> None:
    rules = {**DEFAULTS, **shop.rules}
    refused = do_not_contact.listed_ids(data_dir, shop.manifests)
    assignments = sorted(
        path for path in (data_dir / "campaigns").glob("*.parquet") if path.name[0] != "."
    )
    connection.begin()
    try:
        connection.execute("drop schema if exists raw cascade")
        connection.execute("create schema raw")
        kind = "table" if is_copied else "view"
        connection.execute(f"create {kind} raw.invoice_lines as {shop.lines}")
        _make_table(
            connection,
            "loads",
            LOAD_COLUMNS,
            [tuple(manifest.get(name) for name in LOAD_COLUMNS) for manifest in shop.manifests],
        )
        _make_table(
            connection,
            "shop_rules",
            RULE_COLUMNS,
            [
                (
                    rules["currency"] or NO_CURRENCY,
                    rules["cancellation_prefix"],
                    rules["adjustment_prefix"],
                    rules["negative_lines_are_returns"],
                    rules["copies"] == "drop",
                    rules["invoice_numbers"] == "restart",
                    rules["far_off_dates"] == "count",
                )
            ],
        )
        codes = [(rank, *rule) for rank, rule in enumerate(code_rules(rules), start=1)]
        _make_table(connection, "shop_codes", CODE_COLUMNS, codes)
        descriptions = [
            (rank, *rule) for rank, rule in enumerate(description_rules(rules), start=1)
        ]
        _make_table(connection, "shop_descriptions", DESCRIPTION_COLUMNS, descriptions)
        _make_table(connection, "shop_statuses", STATUS_COLUMNS, status_rules(rules))
        nobody = [(name,) for name in rules["nobody"]]
        _make_table(connection, "shop_nobody", NOBODY_COLUMNS, nobody)
        _make_table(connection, "previous_clusters", CLUSTER_COLUMNS, previous_clusters(data_dir))
        _make_table(connection, "do_not_contact_ids", {"customer_id": "varchar"}, [])
        if refused:
            connection.execute(
                "insert into raw.do_not_contact_ids select unnest($refused)", {"refused": refused}
            )
        # As the lines spell them.
        connection.execute(
            "create view raw.do_not_contact as select distinct customer_id "  # noqa: S608  # nosec
            f"from raw.invoice_lines where {same_id_as_sql('customer_id')} in "
            "(select customer_id from raw.do_not_contact_ids)"
        )
        if assignments:
            files = ", ".join(path_literal(path) for path in assignments)
            connection.execute(
                "create view raw.campaign_assignments as "  # noqa: S608  # nosec
                f"select * from read_parquet([{files}])"
            )
        else:
            _make_table(connection, "campaign_assignments", ASSIGNMENT_COLUMNS, [])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _make_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create table raw.{name} ({described})")
    if rows:
        places = ", ".join("?" for _ in columns)
        connection.executemany(f"insert into raw.{name} values ({places})", rows)  # noqa: S608  # nosec
