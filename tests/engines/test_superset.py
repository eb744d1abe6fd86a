"""A BI tool on the marts: Superset shows dbt's words and figures, of the file and of Postgres.

It comes from the package index into `.venv/superset`, by the Makefile.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ROOT
from postgres_server import PASSWORD, Server, running
from small_shop import TOGETHER, SmallShop

from customer_intelligence import open_marts
from customer_intelligence.metrics import Metrics, Query
from customer_intelligence.publication.destinations import Destination, publish_to
from tools.superset import server as superset_server
from tools.superset.bundle import bundle, duckdb_database, postgres_database
from tools.superset.server import Session

CHARTS = {
    "Net revenue": "select sum(net_revenue) as net_revenue from rpt_monthly_revenue",
    "Net revenue by month": """
        select month_start_date, net_revenue_returning_customers, net_revenue_new_customers,
            net_revenue_anonymous
        from rpt_monthly_revenue
    """,
    "Segments": """
        select s.segment, s.net_revenue as net_revenue_to_date, s.customers,
            s.net_revenue / s.customers as revenue_per_customer,
            avg(cast(c.purchase_days > 1 as integer)) as repeat_rate,
            s.mean_churn_probability as expected_churn_rate
        from rpt_segments as s join dim_customers as c using (segment)
        group by all
    """,
    "Value at risk by segment and churn risk": """
        select segment, churn_risk, sum(value_at_risk) as value_at_risk
        from dim_customers
        group by all
    """,
    "Customers who bought, by month and today's segment": """
        select cast(date_trunc('month', o.order_date) as date) as activity_date, c.segment,
            count(distinct o.customer_id) as purchasing_customers
        from fct_orders as o join dim_customers as c using (customer_id)
        where not o.is_void
        group by all
    """,
}
PUBLICATIONS = 20


@pytest.fixture(scope="module")
def superset(postgres) -> Iterator[superset_server.Superset]:
    """A Superset with nothing in it, which knows the password of the Postgres."""
    made = subprocess.run(
        ["make", "-C", ROOT, ".venv/superset/installed"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = made.stderr.splitlines() or ["make says nothing"]
        why = next((line for line in said if line.startswith("ERROR")), said[-1])
        pytest.skip(f"Apache Superset could not be installed into .venv/superset: {why}")
    with superset_server.served() as found:
        yield found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        with running() as found:
            yield found


@pytest.fixture(scope="module")
def data_dir(published_dir, tmp_path_factory) -> Path:
    """The sample, in a directory in which more is published."""
    place = tmp_path_factory.mktemp("superset") / "data"
    shutil.copytree(published_dir / "published", place / "published", symlinks=True)
    return place


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def session(request, data_dir, postgres, superset) -> Session:
    """A session of a Superset that reads the published file, then of one that reads Postgres."""
    if request.param == "duckdb":
        signed_in = superset.session()
        archive = bundle(data_dir, duckdb_database(data_dir))
        # As its page of dashboards does.
        signed_in.load("dashboard/import/", "formData", archive, overwrite="true")
        return signed_in
    url = postgres.url("postgres")
    publish_to(data_dir, Destination(url))
    signed_in = superset.session()
    signed_in.load("assets/import/", "bundle", bundle(data_dir, postgres_database(url), "assets"))
    return signed_in


@pytest.fixture(scope="module")
def marts(data_dir) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_marts(data_dir) as found:
        yield found


def listed(session: Session, kind: str) -> dict[str, Any]:
    """Numbers of what Superset has, by name."""
    name = {"chart": "slice_name", "dataset": "table_name", "dashboard": "dashboard_title"}[kind]
    asked = "(page_size:100)"
    return {found[name]: found["id"] for found in session.get(f"{kind}/", q=asked)["result"]}


def told(rows: list[dict[str, Any]]) -> list[list[tuple[str, object]]]:
    """Rows that can be compared: by name, figures as floats, days as Superset tells them."""

    def plain(value: Any) -> object:
        if isinstance(value, int | float | Decimal):
            return round(float(value), 6)
        # A day comes as milliseconds since 1970, or as text.
        return value

    return sorted(
        ([(name, plain(value)) for name, value in sorted(row.items())] for row in rows), key=repr
    )


def asked(marts: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """What the marts say, days as milliseconds."""
    frame = marts.sql(f"select columns(*) from ({query})")
    days = [name for name, kind in zip(frame.columns, frame.types, strict=True) if kind == "DATE"]
    replaced = ", ".join(f"epoch_ms({name}) as {name}" for name in days)
    star = f"* replace ({replaced})" if days else "*"
    result = marts.execute(f"select {star} from ({query})")
    names = [name for name, *_ in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_the_dashboard_has_five_charts_and_each_tells_what_the_marts_say(session, marts):
    (dashboard,) = listed(session, "dashboard").values()
    charts = session.get(f"dashboard/{dashboard}/charts")["result"]
    assert {chart["slice_name"] for chart in charts} == set(CHARTS)
    numbers = listed(session, "chart")
    for name, query in CHARTS.items():
        assert told(session.rows(numbers[name])) == told(asked(marts, query)), name


def test_every_metric_of_dbt_is_there_and_tells_what_metricflow_says(session, marts):
    metrics = Metrics(marts)
    left = {metric.name: metric for metric in metrics.known()}
    for dataset in listed(session, "dataset").values():
        found = session.get(f"dataset/{dataset}")["result"]["metrics"]
        names = [metric["metric_name"] for metric in found]
        (result,) = session.post(
            "chart/data",
            {
                "datasource": {"id": dataset, "type": "table"},
                "queries": [{"metrics": names, "columns": [], "row_limit": 10}],
            },
        )["result"]
        (row,) = result["data"]
        for metric in found:
            known = left.pop(metric["metric_name"])
            assert metric["verbose_name"] == known.label
            assert metric["description"] == known.definition
            ((said,),) = metrics.answer(Query([known.name])).rows
            assert float(row[known.name]) == pytest.approx(float(said)), known.name
    assert left == {}


def test_tables_and_columns_have_the_descriptions_of_dbt(session, marts):
    described = 0
    for name, number in listed(session, "dataset").items():
        dataset = session.get(f"dataset/{number}")["result"]
        table = {"customer_days": "fct_customer_days"}.get(name, name)
        ((comment,),) = marts.execute(
            "select comment from duckdb_tables() where table_name = $table", {"table": table}
        ).fetchall()
        assert dataset["description"].strip() == comment.strip()
        columns = dict(
            marts.execute(
                "select column_name, comment from duckdb_columns() where table_name = $table",
                {"table": table},
            ).fetchall()
        )
        shown = {column["column_name"]: column["description"] for column in dataset["columns"]}
        assert {column: shown[column].strip() for column in columns} == {
            column: comment.strip() for column, comment in columns.items()
        }
        described += len(columns)
    assert described > 70


def test_each_query_meets_one_version_while_twenty_are_published(superset, postgres, tmp_path):
    shop, url = SmallShop(tmp_path / "shop"), postgres.url("other")
    with postgres.connect("postgres") as connection:
        connection.execute("create database other")
    shop.publish(90)
    publish_to(shop.data_dir, Destination(url))
    signed_in = superset.session()
    databases = {
        name: signed_in.post("database/", {"database_name": name, **parts, "extra": extra})["id"]
        for name, (parts, extra) in {
            "the file": of(duckdb_database(shop.data_dir)),
            "Postgres": of(postgres_database(url)),
        }.items()
    }
    # SQL Lab sets itself up at the first query, and would fail where two were the first.
    read = {name: [answer(signed_in, number)] for name, number in databases.items()}
    errors: list[str] = []
    stop = threading.Event()

    def ask(name: str) -> None:
        own = superset.session()
        while not stop.is_set():
            try:
                read[name].append(answer(own, databases[name]))
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=ask, args=[name]) for name in databases]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, PUBLICATIONS + 1):
            shop.publish(90 + 7 * number)
            publish_to(shop.data_dir, Destination(url))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert {name: shop.mixtures(answers) for name, answers in read.items()} == {
        name: [] for name in databases
    }
    versions = {name: len({told[0] for told in answers}) for name, answers in read.items()}
    assert min(versions.values()) > PUBLICATIONS // 5, versions
    # Whoever asks afterwards meets the last one; nothing has to be connected again.
    for number in databases.values():
        assert answer(signed_in, number)[0] == list(shop.told)[-1]


def of(database: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A database as the API takes it, its settings as text."""
    return {"sqlalchemy_uri": database["sqlalchemy_uri"]}, json.dumps(database["extra"])


def answer(session: Session, database: int) -> list[str]:
    """What a query in SQL Lab answers."""
    query = {"database_id": database, "sql": TOGETHER, "client_id": secrets.token_hex(5)}
    (row,) = session.post("sqllab/execute/", query)["data"]
    return [str(value) for value in row.values()]
