"""The metrics: what MetricFlow makes of them, and what the marts say, are the same figures."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from customer_intelligence import open_marts

# Each start of `mf` costs ten seconds, so that one process asks everything. Whatever it asks of
# the network ends it.
ASK = """
import json, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        print("REACHED FOR THE NETWORK", event, arguments, file=sys.stderr, flush=True)
        sys.exit(3)
sys.addaudithook(refuse)
from customer_intelligence.cli.metrics import load_mf
mf = load_mf()
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
shared = CLIConfiguration()
for arguments in json.loads(sys.argv[1]):
    try:
        mf.main(args=arguments, prog_name="mf", obj=shared)
    except SystemExit as end:
        if end.code:
            raise
"""


# Metrics that happen in a month, by the column that says the same of it.
MONTHLY = {
    "net_revenue": "net_revenue",
    "net_revenue_anonymous": "net_revenue_anonymous",
    "net_revenue_new_customers": "net_revenue_new_customers",
    "net_revenue_returning_customers": "net_revenue_returning_customers",
    "orders": "orders",
    "purchasing_customers": "customers",
    "new_customers": "new_customers",
}

# Metrics of customers as they stand.
PRESENT = (
    "customers", "active_customers_90d", "customer_net_revenue_90d", "revenue_per_customer",
    "repeat_rate", "expected_churn_rate", "value_at_risk",
)  # fmt: skip


@pytest.fixture(scope="module")
def kpis(published_dir):
    with open_marts(published_dir) as marts:
        rows = marts.execute("select kpi, unit, value, definition from rpt_kpis").fetchall()
    return {kpi: (unit, value, definition) for kpi, unit, value, definition in rows}


@pytest.fixture(scope="module")
def manifest(published_dir):
    return json.loads((published_dir / "build" / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def answers(published_dir, kpis, tmp_path_factory):
    """What `mf` says: its words on the configuration, and a table for every question."""
    if importlib.util.find_spec("dbt_metricflow") is None:
        pytest.skip("MetricFlow (dbt-metricflow, the extra `semantic`) is not installed")
    folder = tmp_path_factory.mktemp("answers")
    questions = {
        "whole": ["--metrics", ",".join(kpis)],
        "segments": [
            "--metrics",
            "customers,customer_net_revenue,average_order_value,value_at_risk,expected_churn_rate",
            "--group-by", "customer__segment",
        ],
        "months": ["--metrics", ",".join(MONTHLY), "--group-by", "metric_time__month"],
        "present": ["--metrics", ",".join(PRESENT), "--group-by", "metric_time__month"],
        "parts": ["--metrics", "customer_net_revenue,average_order_value,returned_share",
                  "--group-by", "metric_time__month"],
        "churn_by_activity": ["--metrics", "observed_churn_rate",
                              "--group-by", "churn_prediction__was_active_90d"],
        "orders_by_segment": ["--metrics", "orders", "--group-by", "customer__segment"],
    }  # fmt: skip
    commands = [
        ["query", *question, "--csv", str(folder / f"{name}.csv")]
        for name, question in questions.items()
    ]
    commands.append(["query", *questions["months"]])
    result = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps([["validate-configs", "--show-all"], *commands])],
        cwd=ROOT,
        env={
            **os.environ,
            "CUSTOMER_INTELLIGENCE_DATA_DIR": str(published_dir),
            "DBT_TARGET_PATH": str(published_dir / "build" / "target"),
            "DBT_LOG_PATH": str(published_dir / "build" / "logs"),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
    tables = {}
    for name in questions:
        with (folder / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    return result.stdout, tables


def test_the_metrics_are_valid_and_warn_of_nothing(answers):
    said, _ = answers
    counts = re.findall(r"ERRORS: (\d+), FUTURE_ERRORS: (\d+), WARNINGS: (\d+)", said)
    assert len(counts) == 6, said[-3000:]
    assert set(counts) == {("0", "0", "0")}


def test_every_key_figure_is_what_its_metric_says(answers, kpis):
    [row] = answers[1]["whole"]
    assert len(kpis) == 13
    for kpi, (_, value, _) in kpis.items():
        assert float(row[kpi]) == pytest.approx(float(value), abs=5.1e-5), kpi


def test_the_metrics_by_segment_are_those_of_the_segments(answers, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            """
            select segment, customers, net_revenue, average_order_value, value_at_risk,
                mean_churn_probability
            from rpt_segments
            """
        ).fetchall()
    # Who kept no purchase is no customer, and has no segment.
    names = {segment for segment, *_ in expected}
    found = {row["customer__segment"]: row for row in answers[1]["segments"]}
    rows = {segment: row for segment, row in found.items() if segment in names}
    assert len(rows) == len(expected) == 5
    assert len(found) <= 6
    metrics = ("customers", "customer_net_revenue", "average_order_value", "value_at_risk",
               "expected_churn_rate")  # fmt: skip
    for segment, *figures in expected:
        for metric, figure in zip(metrics, figures, strict=True):
            found = float(rows[segment][metric])
            assert found == pytest.approx(float(figure), abs=5.1e-5), (segment, metric)


def test_the_metrics_by_month_are_those_of_every_month(answers, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            f"select month_start_date, {', '.join(MONTHLY.values())} from rpt_monthly_revenue "
            "order by month_start_date"
        ).fetchall()
    rows = answers[1]["months"]
    assert [row["metric_time__month"][:10] for row in rows] == [str(row[0]) for row in expected]
    assert len(rows) > 12
    for row, (month, *figures) in zip(rows, expected, strict=True):
        for metric, figure in zip(MONTHLY, figures, strict=True):
            assert float(row[metric] or 0) == pytest.approx(float(figure)), (month, metric)


def test_an_average_order_of_a_month_is_its_revenue_over_its_orders(answers):
    orders = {row["metric_time__month"]: float(row["orders"]) for row in answers[1]["months"]}
    for row in answers[1]["parts"]:
        mean = float(row["customer_net_revenue"]) / orders[row["metric_time__month"]]
        assert float(row["average_order_value"]) == pytest.approx(mean)


def test_figures_of_the_present_are_dated_on_the_as_of_date(answers, kpis, published_dir):
    with open_marts(published_dir) as marts:
        [(as_of,)] = marts.execute("select as_of_date from build_info").fetchall()
    [row] = [row for row in answers[1]["present"] if row["customers"]]
    assert row["metric_time__month"][:7] == str(as_of)[:7]
    for metric in PRESENT:
        assert float(row[metric]) == pytest.approx(float(kpis[metric][1]), abs=5.1e-5), metric


def test_money_is_written_out_in_the_terminal(answers):
    said, _ = answers
    table = said[said.index("metric_time__month") :]
    assert re.search(r"\d{6}\.\d{4}", table)
    assert not re.search(r"\de\+\d", table)


def test_observed_churn_by_activity_is_that_of_the_population(answers, published_dir):
    with open_marts(published_dir) as marts:
        [(expected,)] = marts.execute(
            "select max(value) from rpt_churn_metrics "
            "where metric = 'churn_rate' and population = 'active_90d'"
        ).fetchall()
    rows = {
        row["churn_prediction__was_active_90d"].lower(): row["observed_churn_rate"]
        for row in answers[1]["churn_by_activity"]
    }
    assert float(rows["true"]) == pytest.approx(expected)
    assert float(rows["false"]) > float(rows["true"])


def test_orders_find_the_segment_of_their_customer(answers, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            """
            select segment, count(*)
            from fct_orders inner join dim_customers using (customer_id)
            where not is_void group by segment
            """
        ).fetchall()
    found = {
        row["customer__segment"]: int(row["orders"]) for row in answers[1]["orders_by_segment"]
    }
    assert {segment: found[segment] for segment, _ in expected} == dict(expected)


def test_a_key_figure_is_defined_once(kpis, manifest):
    metrics = {metric["name"]: metric for metric in manifest["metrics"].values()}
    for kpi, (_, _, definition) in kpis.items():
        block = manifest["docs"][f"doc.customer_intelligence.kpi_{kpi}"]["block_contents"]
        assert metrics[kpi]["description"].strip() == block.strip(), kpi
        assert definition == " ".join(block.split()), kpi
    blocks = {name.rpartition(".kpi_")[2] for name in manifest["docs"] if ".kpi_" in name}
    assert blocks == set(kpis)


def test_everything_that_can_be_asked_for_is_described(manifest):
    silent = [m["name"] for m in manifest["metrics"].values() if not m["description"].strip()]
    for model in manifest["semantic_models"].values():
        for part in (*model["dimensions"], *model["measures"]):
            silent += [f"{model['name']}.{part['name']}"] * (
                not (part["description"] or "").strip()
            )
    assert silent == []


def test_the_time_spine_has_every_day(published_dir):
    with open_marts(published_dir) as marts:
        [(days, span)] = marts.execute(
            "select count(*), max(date_day) - min(date_day) + 1 from dim_dates"
        ).fetchall()
    assert days == span > 365
