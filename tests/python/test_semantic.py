"""The metrics: what MetricFlow makes of them, and what the marts say, are the same figures."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from decimal import Decimal

import duckdb
import pytest
from conftest import calls_out, watched
from dbt_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from dbt_semantic_interfaces.validations.semantic_manifest_validator import (
    SemanticManifestValidator,
)

from customer_intelligence import open_marts
from customer_intelligence.cli.commands import main
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.metrics import Answer, Metrics, Query
from customer_intelligence.metrics.output import as_csv, as_json, as_parquet, as_table

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
def metrics(published_dir):
    with open_marts(published_dir) as marts:
        yield Metrics(marts)


def asked(metrics, names, **options) -> list[dict[str, object]]:
    answer = metrics.answer(Query(list(names), **options))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_the_metrics_are_valid_and_warn_of_nothing(published_dir):
    with open_marts(published_dir) as marts:
        [(text,)] = marts.execute("select manifest from main._meta_semantics").fetchall()
    found = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(
        PydanticSemanticManifest.parse_raw(text)
    )
    assert (found.errors, found.future_errors, found.warnings) == ((), (), ())


def test_every_key_figure_is_what_its_metric_says(metrics, kpis):
    [row] = asked(metrics, kpis)
    assert len(kpis) == 13
    for kpi, (_, value, _) in kpis.items():
        assert float(row[kpi]) == pytest.approx(float(value), abs=5.1e-5), kpi


def test_the_metrics_by_segment_are_those_of_the_segments(metrics, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            """
            select segment, customers, net_revenue, average_order_value, value_at_risk,
                mean_churn_probability
            from rpt_segments
            """
        ).fetchall()
    names = ("customers", "customer_net_revenue", "average_order_value", "value_at_risk",
             "expected_churn_rate")  # fmt: skip
    # Who kept no purchase is no customer, and has no segment.
    rows = {row["segment"]: row for row in asked(metrics, names, by=["segment"]) if row["segment"]}
    assert len(rows) == len(expected) == 5
    for segment, *figures in expected:
        for name, figure in zip(names, figures, strict=True):
            found = float(rows[segment][name])
            assert found == pytest.approx(float(figure), abs=5.1e-5), (segment, name)


def test_the_metrics_by_month_are_those_of_every_month(metrics, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            f"select month_start_date, {', '.join(MONTHLY.values())} from rpt_monthly_revenue "
            "order by month_start_date"
        ).fetchall()
    rows = asked(metrics, MONTHLY, by=["month"])
    assert [row["month"] for row in rows] == [month for month, *_ in expected]
    assert len(rows) > 12
    for row, (month, *figures) in zip(rows, expected, strict=True):
        for name, figure in zip(MONTHLY, figures, strict=True):
            assert float(row[name] or 0) == pytest.approx(float(figure)), (month, name)


def test_an_average_order_of_a_month_is_its_revenue_over_its_orders(metrics):
    names = ("customer_net_revenue", "average_order_value", "orders")
    for row in asked(metrics, names, by=["month"]):
        mean = float(row["customer_net_revenue"]) / row["orders"]
        assert row["average_order_value"] == pytest.approx(mean)


def test_figures_of_the_present_are_dated_on_the_as_of_date(metrics, kpis, published_dir):
    with open_marts(published_dir) as marts:
        [(as_of,)] = marts.execute("select as_of_date from build_info").fetchall()
    [row] = [row for row in asked(metrics, PRESENT, by=["month"]) if row["customers"]]
    assert row["month"] == as_of.replace(day=1)
    for name in PRESENT:
        assert float(row[name]) == pytest.approx(float(kpis[name][1]), abs=5.1e-5), name


def test_observed_churn_by_activity_is_that_of_the_population(metrics, published_dir):
    with open_marts(published_dir) as marts:
        [(expected,)] = marts.execute(
            "select max(value) from rpt_churn_metrics "
            "where metric = 'churn_rate' and population = 'active_90d'"
        ).fetchall()
    rows = asked(metrics, ["observed_churn_rate"], by=["was_active_90d"])
    rates = {row["was_active_90d"]: row["observed_churn_rate"] for row in rows}
    assert rates[True] == pytest.approx(expected)
    assert rates[False] > rates[True]


def test_orders_find_the_segment_of_their_customer(metrics, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            """
            select segment, count(*)
            from fct_orders inner join dim_customers using (customer_id)
            where not is_void group by segment
            """
        ).fetchall()
    found = {row["segment"]: row["orders"] for row in asked(metrics, ["orders"], by=["segment"])}
    assert {segment: found[segment] for segment, _ in expected} == dict(expected)


def test_days_of_customers_add_up_to_what_they_spent(published_dir):
    with open_marts(published_dir) as marts:
        assert marts.execute(
            """
            select count(*) from dim_customers
            left join (
                select customer_id, sum(net_revenue) as net_revenue, sum(orders) as orders
                from fct_customer_days group by customer_id
            ) as days using (customer_id)
            where
                days.net_revenue is distinct from dim_customers.net_revenue
                or days.orders is distinct from dim_customers.orders
            """
        ).fetchall() == [(0,)]


# ---------- what a question may say


def test_only_what_is_asked_for_counts(metrics, published_dir):
    with open_marts(published_dir) as marts:
        expected = marts.execute(
            """
            select date_trunc('month', order_date)::date as month, count(*)
            from fct_orders inner join dim_customers using (customer_id)
            where
                not is_void and segment in ('Champions', 'At Risk')
                and order_date between '2011-02-01' and '2011-05-31'
            group by month order by 2 desc limit 2
            """
        ).fetchall()
    answer = metrics.answer(
        Query(
            ["orders"],
            by=["month"],
            where={"segment": ["Champions", "At Risk"]},
            since=dt.date(2011, 2, 1),
            until=dt.date(2011, 5, 31),
            order=["-orders"],
            limit=2,
        )
    )
    assert answer.columns == ["month", "orders"]
    assert answer.rows == expected


def test_metrics_of_unlike_periods_share_the_longer_ones(metrics):
    rows = asked(metrics, ["orders", "net_revenue"], by=["quarter"], limit=3)
    assert [row["quarter"].month for row in rows] == [10, 1, 4]
    with pytest.raises(CustomerIntelligenceError, match="There are month, quarter, year"):
        metrics.answer(Query(["orders", "net_revenue"], by=["day"]))


@pytest.mark.parametrize(
    "value",
    ["'; drop table dim_customers; --", "x' or '1'='1", "{{ Dimension('customer__country') }}",
     "{% for i in range(9) %}x{% endfor %}", "Champions' union select 1 --", ""],
)  # fmt: skip
def test_a_value_is_never_read_as_sql(metrics, value):
    text, parameters = metrics.sql(Query(["customers"], where={"segment": [value]}))
    assert list(parameters.values()) == [[value]]
    assert value == "" or value not in text
    assert asked(metrics, ["customers"], by=["segment"], where={"segment": [value]}) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Query(["profit"]), "E_UNKNOWN_METRIC"),
        (Query([]), "E_UNKNOWN_METRIC"),
        (Query(["customers; drop table dim_customers"]), "E_UNKNOWN_METRIC"),
        (Query(["net_revenue"], by=["segment"]), "E_UNKNOWN_DIMENSION"),
        (Query(["net_revenue"], by=["day"]), "E_UNKNOWN_DIMENSION"),
        (Query(["orders"], by=["customer"]), "E_UNKNOWN_DIMENSION"),
        (Query(["orders"], where={"') or 1=1 --": ["x"]}), "E_UNKNOWN_DIMENSION"),
        (Query(["orders"], by=["segment"], order=["country"]), "E_BAD_QUERY"),
        (Query(["orders"], order=["--orders"]), "E_BAD_QUERY"),
        (Query(["orders"], limit=0), "E_BAD_QUERY"),
    ],
)
def test_a_question_that_means_nothing_is_refused(metrics, query, code):
    with pytest.raises(CustomerIntelligenceError) as refused:
        metrics.answer(query)
    assert refused.value.code == code


def test_a_version_without_metrics_says_so(copy):
    data_dir = copy("update main._meta_semantics set manifest = ''")
    with (
        open_marts(data_dir) as marts,
        pytest.raises(CustomerIntelligenceError, match="E_NO_METRICS"),
    ):
        Metrics(marts)


# ---------- how figures are written

ANSWER = Answer(
    ["day", "segment", "orders", "net_revenue", "share"],
    ["DATE", "VARCHAR", "BIGINT", "DECIMAL(18,4)", "DOUBLE"],
    [
        (dt.date(2011, 2, 1), "=1+1", 1234, Decimal("1234567.8900"), 0.25),
        (dt.date(2011, 3, 1), None, None, None, None),
    ],
)


def test_figures_are_written_out_for_people():
    lines = as_table(ANSWER).decode().splitlines()
    assert lines[2].split() == ["2011-02-01", "=1+1", "1,234", "1,234,567.8900", "0.2500"]
    assert lines[3].split() == ["2011-03-01"]
    assert as_table(Answer(["orders"], ["BIGINT"], [])).decode().splitlines()[0] == "orders"


def test_figures_are_exact_for_programs(tmp_path):
    assert as_csv(ANSWER).decode().splitlines() == [
        "day,segment,orders,net_revenue,share",
        "2011-02-01,'=1+1,1234,1234567.8900,0.25",
        "2011-03-01,,,,",
    ]
    assert json.loads(as_json(ANSWER))[0] == {
        "day": "2011-02-01", "segment": "=1+1", "orders": 1234, "net_revenue": 1234567.89,
        "share": 0.25,
    }  # fmt: skip
    (tmp_path / "x.parquet").write_bytes(as_parquet(ANSWER))
    with duckdb.connect() as database:
        read = database.execute(f"from '{tmp_path}/x.parquet'")
        assert [str(kind) for _, kind, *_ in read.description] == ANSWER.types
        assert read.fetchall() == ANSWER.rows


def test_the_command_lists_asks_explains_and_writes(published_dir, tmp_path, capsys):
    def said(*words: str) -> str:
        assert main(["metrics", *words, f"--data-dir={published_dir}"]) == 0
        return capsys.readouterr().out

    listed = said()
    assert "repeat_rate" in listed
    assert "By month, quarter, year" in listed
    assert said("orders,customers", "--by=segment").splitlines()[0].split() == [
        "segment", "orders", "customers",
    ]  # fmt: skip
    sql = said("orders", "--where=segment=At Risk", "--explain")
    assert "At Risk" not in sql.partition("-- $")[0]
    out = tmp_path / "orders.json"
    said("orders", "--by=year", f"--out={out}")
    assert {row["year"][5:] for row in json.loads(out.read_text())} == {"01-01"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["orders", "--since=2011-02-30"], "E_USAGE"),
        (["orders", "--where=segment"], "E_USAGE"),
        (["orders", "--format=parquet"], "E_USAGE"),
        (["profit"], "E_UNKNOWN_METRIC"),
        (["orders", "--out=/no/such/folder/x.csv"], "E_NO_FOLDER"),
    ],
)
def test_the_command_refuses_in_one_line(published_dir, words, code, capsys):
    assert main(["metrics", *words, f"--data-dir={published_dir}"]) == 2
    assert capsys.readouterr().err.startswith(f"{code}: ")


def test_metrics_reach_for_no_network(published_dir, tmp_path):
    notes = tmp_path / "calls-out"
    program = "import sys; from customer_intelligence.cli.commands import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", program, "metrics", "orders", f"--data-dir={published_dir}"],
        env={**os.environ, **watched(notes)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert calls_out(notes) == []


# ---------- what they are made of


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
