"""Only a whole build that passed publishes, and every command ends with what readers see."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
from faults.small_marts import TABLES, fill

from customer_intelligence import open_marts
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.gate import end_command
from customer_intelligence.publication.publish import next_number
from customer_intelligence.publication.reader import current_version


@pytest.fixture
def work_database():
    with duckdb.connect() as connection:
        fill(connection, 3)
        yield connection


def report(**changes: Any) -> dict[str, Any]:
    """What the macro tells of a whole build of small marts and three tests that passed."""
    models = [
        {
            "id": f"model.shop.{name}",
            "name": name,
            "schema": "marts",
            "relation": f'"marts"."{name}"',
            "description": f"Rows of {name}.",
            "columns": {},
        }
        for name in TABLES
    ]
    tests = [("test.shop.a", "test"), ("test.shop.b", "test"), ("test.shop.c", "test")]
    nodes = [{"id": id_, "name": id_.rpartition(".")[2], "type": kind} for id_, kind in tests]
    nodes += [{"id": model["id"], "name": model["name"], "type": "model"} for model in models]
    unit_test = {"id": "unit_test.shop.u", "name": "u", "type": "unit_test"}
    return {
        "command": "build",
        "started_at": "2026-11-28 03:16:10",
        "invocation_id": "a65db821-0000-0000-0000-000000000000",
        "publish_empty": False,
        "target": None,
        "rules": "",
        "narrowed": [],
        "results": [
            *(
                {**node, "status": "pass" if node["type"] == "test" else "success"}
                for node in nodes
            ),
            {**unit_test, "status": "pass"},
        ],
        "nodes": nodes,
        "models": models,
        "keys": [
            {
                "kind": "is_unique_key",
                "model": "model.shop.fct_orders",
                "arguments": {"column_names": ["order_id", "amount"]},
            },
            {
                "kind": "unique",
                "model": "model.shop.fct_orders",
                "arguments": {"column_name": "order_id"},
            },
            *(
                {
                    "kind": "relationships",
                    "model": "model.shop.fct_orders",
                    "arguments": {"column_name": "order_id", "to": to, "field": "customer_id"},
                }
                for to in ("ref('dim_customers')", "ref('a_seed')")
            ),
        ],
        **changes,
    }


def with_status(status: str, *names: str) -> list[dict[str, str]]:
    return [
        {**result, "status": status if result["name"] in names else result["status"]}
        for result in report()["results"]
    ]


def end(work_database, data_dir, **changes: Any) -> str:
    return end_command(work_database, data_dir, next_number(data_dir), report(**changes))


def test_a_whole_build_publishes_and_says_what_readers_see_now(work_database, tmp_path):
    said = end(work_database, tmp_path)
    version = current_version(tmp_path)
    assert version == "000001-20261128T031610Z-a65db821"
    assert said.startswith(f"published: readers see version {version} from now on (")
    assert str(tmp_path / "published" / "current" / "customer_intelligence.duckdb") in said
    with open_marts(tmp_path) as marts:
        assert marts.execute(
            "select keys, foreign_keys from _meta_tables where table_name = 'fct_orders'"
        ).fetchall() == [
            (["order_id", "order_id, amount"], ["order_id -> dim_customers.customer_id"])
        ]


@pytest.mark.parametrize("unit_tests", [True, False])
def test_tests_passed_counts_data_tests_in_every_way_to_build(work_database, tmp_path, unit_tests):
    results = with_status("warn", "b")
    if not unit_tests:
        results = [result for result in results if result["type"] != "unit_test"]
    end(work_database, tmp_path, results=results)
    with open_marts(tmp_path) as marts:
        assert marts.execute("select tests_passed from build_info").fetchall() == [(2,)]


NOT_PUBLISHED = [
    ({"command": "run"}, "`dbt run` publishes nothing, only `dbt build` of the whole project does"),
    ({"command": "test"}, "`dbt test` publishes nothing"),
    ({"command": "seed"}, "`dbt seed` publishes nothing"),
    ({"command": "snapshot"}, "`dbt snapshot` publishes nothing"),
    ({"command": "run", "results": with_status("error", "a")}, "`dbt run` publishes nothing"),
    ({"results": with_status("fail", "a")}, "1 failed (a), 0 skipped"),
    ({"results": with_status("error", "a", "b")}, "2 failed (a, b), 0 skipped"),
    ({"results": with_status("skipped", "fct_orders", "c")}, "0 failed, 2 skipped"),
    ({"results": with_status("runtime error", "a")}, "1 failed (a), 0 skipped"),
    ({"results": report()["results"][1:]}, "this build was a part of the project"),
    ({"results": []}, "this build was a part of the project"),
    ({"narrowed": ["--empty"]}, "this build was a part of the project"),
    (
        {"results": with_status("error", *TABLES)},
        f"{len(TABLES)} failed (build_info, fct_orders, dim_customers, rpt_kpis, rpt_segments, "
        f"{len(TABLES) - 5} more)",
    ),
]


def test_what_does_not_publish_says_why_and_what_readers_still_see(work_database, tmp_path):
    for changes, reason in NOT_PUBLISHED:
        said = end(work_database, tmp_path, **changes)
        assert said.startswith(f"not published: {reason}"), changes
        assert said.endswith("; nothing is published yet"), changes
    end(work_database, tmp_path)
    version = current_version(tmp_path)
    for changes, reason in NOT_PUBLISHED:
        said = end(work_database, tmp_path, **changes)
        assert said.startswith(f"not published: {reason}"), changes
        assert said.endswith(f"; readers still see version {version} of 2026-11-28 03:16 UTC")
        assert current_version(tmp_path) == version


@pytest.mark.parametrize("command", ["compile", "generate", "parse", "show", "run-operation"])
def test_a_command_that_changes_nothing_says_nothing(work_database, tmp_path, command):
    assert end(work_database, tmp_path, command=command) == ""
    assert not (tmp_path / "published").exists()


def test_a_refused_publication_says_what_readers_still_see(work_database, tmp_path):
    end(work_database, tmp_path)
    version = current_version(tmp_path)
    work_database.execute("delete from marts.fct_orders")
    with pytest.raises(CustomerIntelligenceError) as refusal:
        end(work_database, tmp_path)
    assert refusal.value.code == "E_EMPTY"
    assert f"Not published; readers still see version {version}" in str(refusal.value)
    (tmp_path / "published" / version / "customer_intelligence.duckdb").unlink()
    said = end(work_database, tmp_path, command="run")
    assert "readers see nothing (E_DAMAGED: " in said


def semantics(folder, model: str) -> str:
    """Write dbt's semantic manifest of metrics on one model; return the folder."""
    relation = {"alias": model, "schema_name": "x", "relation_name": f'"marts"."{model}"'}
    manifest = {
        "semantic_models": [{"name": "orders", "node_relation": relation}],
        "project_configuration": {"time_spines": []},
    }
    (folder / "semantic_manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def test_metrics_are_published_on_the_published_tables(work_database, tmp_path):
    end(work_database, tmp_path / "shop", target=semantics(tmp_path, "fct_orders"))
    with open_marts(tmp_path / "shop") as marts:
        [(text,)] = marts.execute("select manifest from main._meta_semantics").fetchall()
    [model] = json.loads(text)["semantic_models"]
    assert model["node_relation"]["relation_name"] == '"marts"."fct_orders"'
    assert model["node_relation"]["schema_name"] == "marts"


def test_metrics_on_a_table_that_is_not_published_are_refused(work_database, tmp_path):
    with pytest.raises(CustomerIntelligenceError, match="E_METRICS_UNPUBLISHED"):
        end(work_database, tmp_path / "shop", target=semantics(tmp_path, "int_customer_days"))
    assert not (tmp_path / "shop" / "published" / "current").exists()
