"""The project as a package of a shop's own dbt project, with its lines, rules and profile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbt_process
import duckdb
import pytest
from conftest import QUICK, ROOT

import customer_intelligence
from customer_intelligence.data_dir.layout import BUILD, WORK_DATABASE

# The customers of tests/package/models/shop_lines.sql.
THEIRS = "customer_id is not null and cast(customer_id as integer) % 8 = 0"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the shop, built as its people would."""
    if QUICK:
        pytest.skip("runs dbt: make test")
    project = tmp_path_factory.mktemp("package") / "shop"
    made_there = shutil.ignore_patterns("dbt_packages", "target", "logs", "*.duckdb*")
    shutil.copytree(ROOT / "tests" / "package", project, ignore=made_there)
    environment = {
        **os.environ,
        "CUSTOMER_INTELLIGENCE_ROOT": str(ROOT),
        "DBT_TARGET_PATH": str(project / "target"),
        "DBT_LOG_PATH": str(project / "logs"),
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }
    for arguments in (["deps"], ["--warn-error", "build"]):
        result = dbt_process.run(arguments, cwd=project, environment=environment)
        assert result.returncode == 0, result.stdout[-4000:]
    return project


@pytest.fixture(scope="module")
def manifest(shop) -> dict[str, Any]:
    return json.loads((shop / "target" / "manifest.json").read_text("utf-8"))


@pytest.fixture
def work(shop, tmp_path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the shop's database, under its name."""
    copy = shutil.copy(shop / "warehouse.duckdb", tmp_path)
    with duckdb.connect(copy) as connection:
        yield connection


@pytest.mark.parametrize("mart", ["fct_orders", "fct_returns", "fct_customer_days"])
def test_customers_have_the_orders_and_returns_that_our_own_build_gives_them(
    work, published_dir, mart
):
    (published,) = (published_dir / "published").glob("current/*.duckdb")
    work.execute(f"attach '{published}' as ours (read_only)")
    theirs, ours = f"from analytics_marts.{mart}", f"from ours.marts.{mart} where {THEIRS}"
    assert work.execute(f"select count(*) {theirs}").fetchone()[0] > 20
    assert work.execute(f"({theirs}) except all ({ours})").fetchall() == []
    assert work.execute(f"({ours}) except all ({theirs})").fetchall() == []


def test_their_models_run_before_ours_in_their_schemas_and_nothing_is_read_that_they_lack(manifest):
    parents = manifest["parent_map"]
    for model, relation in (
        ("stg_retail__invoice_lines", "shop_lines"),
        ("stg_shop__rules", "shop_rules"),
        ("stg_shop__codes", "shop_codes"),
    ):
        assert f"model.shop.{relation}" in parents[f"model.customer_intelligence.{model}"]
    ours = [n for n in manifest["nodes"].values() if n["package_name"] == "customer_intelligence"]
    assert {n["schema"] for n in ours if n["resource_type"] in ("model", "seed")} == {
        f"analytics_{room}"
        for room in ("staging", "intermediate", "ml", "marts", "evidence", "reference")
    }
    assert manifest["sources"] == manifest["unit_tests"] == {}
    # Nobody there notes which lines were read already.
    assert [n["name"] for n in ours if n["config"]["materialized"] == "incremental"] == []


def test_nothing_is_prepared_or_published_there(shop, work):
    schemas = {
        name for (name,) in work.execute("select schema_name from duckdb_schemas()").fetchall()
    }
    assert schemas.isdisjoint({"raw", "kept", "marts", "evidence"})
    assert {path.name for path in shop.iterdir()} >= {"models", "warehouse.duckdb"}
    assert not (shop / "published").exists()


def test_what_stands_for_a_source_has_its_columns_and_types(work, published_dir):
    columns = (
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_catalog = $file and table_schema = $schema order by all"
    )
    theirs = work.execute(columns, {"file": "warehouse", "schema": "analytics_staging"}).fetchall()
    own = duckdb.connect(str(published_dir / BUILD / WORK_DATABASE), read_only=True)
    with own:
        ours = own.execute(columns, {"file": "warehouse", "schema": "staging"}).fetchall()
    assert len(ours) > 50
    assert theirs == ours


def test_a_line_that_cannot_be_read_is_set_apart_and_a_column_that_is_missing_is_named(shop, work):
    compiled = shop / "target/compiled/customer_intelligence/models/staging"
    lines = (compiled / "stg_retail__invoice_lines.sql").read_text("utf-8")
    work.execute("update analytics.shop_lines set quantity = null where record_number % 2 = 0")
    assert dict(
        work.execute(
            f"select record_number % 2, any_value(reasons) from ({lines}) group by 1"
        ).fetchall()
    ) == {0: ["R_QUANTITY"], 1: []}
    work.execute("alter table analytics.shop_lines rename customer_id to client")
    with pytest.raises(duckdb.BinderException, match="customer_id"):
        work.execute(lines)


def test_models_in_python_import_their_libraries_one_after_the_other(monkeypatch):
    """Two threads that import scikit-learn at the same moment see it half-initialised."""
    held = []
    monkeypatch.setattr(
        customer_intelligence.importlib,
        "import_module",
        lambda name: held.append((name, customer_intelligence._one_at_a_time._is_owned())),
    )
    for name in ("churn", "clusters", "lifetime_value"):
        customer_intelligence.__getattr__(name)
    assert held == [
        (f"customer_intelligence.{name}", True) for name in ("churn", "clusters", "lifetime_value")
    ]
