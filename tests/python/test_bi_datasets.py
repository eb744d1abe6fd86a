"""What BI tools are given: dbt's metrics as aggregates, and charts of what there is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import yaml

from customer_intelligence import open_marts
from customer_intelligence.metrics import Metrics, Query
from tools.superset.bundle import ASSETS
from tools.superset.datasets import datasets
from tools.superset.measures import aggregates


@pytest.fixture(scope="module")
def marts(published_dir) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_marts(published_dir) as found:
        yield found


@pytest.fixture(scope="module")
def made(marts) -> dict[str, dict[str, Any]]:
    return datasets(marts)


@pytest.fixture(scope="module")
def manifest(marts) -> dict[str, Any]:
    return json.loads(marts.execute("select manifest from main._meta_semantics").fetchone()[0])


@pytest.mark.parametrize("by", [None, "month", "segment"])
def test_every_metric_is_an_aggregate_that_tells_what_metricflow_says(marts, made, by):
    metrics = Metrics(marts)
    shared = {metric.name: metric.dimensions for metric in metrics.known()}
    compared = 0
    for dataset in made.values():
        rows = (
            f"({dataset['sql']})"
            if dataset["sql"]
            else f"{dataset['schema']}." + dataset["table_name"]
        )
        time = dataset["main_dttm_col"]
        group = f"cast(date_trunc('month', {time}) as date)" if by == "month" else by
        for metric in dataset["metrics"]:
            name = metric["metric_name"]
            if by and by not in shared[name]:
                continue
            wanted = f"{group}, {metric['expression']}" if by else metric["expression"]
            found = marts.execute(f"select {wanted} from {rows} as t group by all").fetchall()
            said = metrics.answer(Query([name], by=[by] if by else [])).rows
            told = {row[:-1]: row[-1] for row in found if row[-1] is not None and None not in row}
            assert told.keys() >= {row[:-1] for row in said if None not in row}, name
            for *keys, figure in said:
                if None not in keys:
                    assert float(told[tuple(keys)]) == pytest.approx(float(figure)), name
            compared += 1
    assert compared >= {None: len(shared), "month": 15, "segment": 10}[by]


def test_a_metric_that_is_no_plain_aggregate_is_refused_and_never_told_wrongly(manifest):
    def refused(**changed: object) -> str:
        other = copy.deepcopy(manifest)
        (metric,) = (of for of in other["metrics"] if of["name"] == "average_order_value")
        for key, value in changed.items():
            (metric if key in metric else metric["type_params"])[key] = value
        with pytest.raises(ValueError, match="average_order_value") as refusal:
            aggregates(other)
        return str(refusal.value)

    days = {"where_filters": [{"where_sql_template": "{{ TimeDimension('metric_time') }} > 1"}]}
    assert "filter" in refused(filter=days)
    assert "cumulative" in refused(type="cumulative")
    assert "another time" in refused(numerator={"name": "orders", "offset_window": "1 month"})
    assert "monthly_revenue" in refused(numerator={"name": "net_revenue"})


def test_charts_show_metrics_and_columns_that_there_are(made):
    by_id = {dataset["uuid"]: dataset for dataset in made.values()}
    charts = [yaml.safe_load(path.read_text("utf-8")) for path in ASSETS.glob("charts/*.yaml")]
    for chart in charts:
        dataset, shown = by_id[chart["dataset_uuid"]], chart["params"]
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        columns = {column["column_name"] for column in dataset["columns"]}
        assert metrics >= {*shown.get("metrics", []), *filter(None, [shown.get("metric")])}
        assert columns >= {*shown.get("groupby", []), *filter(None, [shown.get("x_axis")])}
        assert chart["viz_type"] == shown["viz_type"]
    (dashboard,) = (yaml.safe_load(path.read_text("utf-8")) for path in ASSETS.glob("d*/*.yaml"))
    placed = [
        (part["meta"]["uuid"], part["meta"]["sliceName"])
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    ]
    assert sorted(placed) == sorted((chart["uuid"], chart["slice_name"]) for chart in charts)
    assert len(placed) == 5
