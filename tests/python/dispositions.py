"""Run the models up to the dispositions without dbt: the SQL that dbt compiled, once per run.

What becomes of each line is exactly what a build says, in a tenth of a second.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import yaml
from conftest import ROOT, load_of, once, run_dbt

from customer_intelligence.data_dir.layout import BUILD, WORK_DATABASE
from customer_intelligence.publication.start import start_run

VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text("utf-8"))["vars"]
MODEL = "rpt_line_dispositions"


def _compile(directory: Path) -> None:
    load_of(
        directory,
        f"select * from read_parquet('{ROOT}/data/sample/raw/*/invoice_lines.parquet') limit 100",
    )
    result = run_dbt(
        directory,
        *("build", "--select", f"+{MODEL}"),
        *("--resource-type", "model", "--resource-type", "seed"),
    )
    assert result.returncode == 0, result.stdout[-4000:]


def statements() -> tuple[list[tuple[str, str, str]], Path]:
    """Return schema, name and SQL of each model in the order of the build, and where seeds are."""
    directory = once("dispositions", _compile)
    target = directory / "build" / "target"
    results = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    nodes = json.loads((target / "manifest.json").read_text("utf-8"))["nodes"]
    ran = [result["unique_id"] for result in results]
    wanted = [one for one in ran if one.startswith(("model.", "seed."))]
    models = []
    for name in sorted(wanted, key=lambda one: _depth(one, nodes)):
        node = nodes[name]
        sql = ""
        if node["resource_type"] == "model":
            sql = (ROOT / node["compiled_path"]).read_text("utf-8")
        models.append((node["schema"], node["alias"], sql))
    return models, directory / BUILD / WORK_DATABASE


def _depth(name: str, nodes: dict) -> int:
    parents = [one for one in nodes[name]["depends_on"].get("nodes", []) if one in nodes]
    return 1 + max((_depth(one, nodes) for one in parents), default=0)


def run(data_dir: Path) -> None:
    """Make the tables that a build makes up to the dispositions."""
    models, seeds = statements()
    (data_dir / "build").mkdir(exist_ok=True)
    with duckdb.connect(str(data_dir / BUILD / WORK_DATABASE)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        start_run(
            connection,
            data_dir,
            project_dir=str(ROOT),
            variables=VARS,
            given=[],
            started_at=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}",
        )
        connection.execute(f"attach '{seeds}' as seeds (read_only)")
        for schema, name, sql in models:
            connection.execute(f'create schema if not exists "{schema}"')
            query = sql or f'from seeds."{schema}"."{name}"'
            connection.execute(f'create or replace table "{schema}"."{name}" as {query}')
