"""The recipes of CONTRIBUTING.md, followed word by word on a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import dbt_process
import duckdb
import pytest
import test_project
from conftest import ROOT, WITHOUT_UNIT_TESTS, dbt_environment

from tools import model_tables

pytestmark = pytest.mark.slow

STEP = re.compile(
    r"^\d\. (?P<words>.*?)\n\n +```\w+\n(?P<text>.*?)\n +```$", re.MULTILINE | re.DOTALL
)
FEATURE, SEGMENT, MART = "A churn feature", "A segment", "A mart"
# The few nodes that prove each recipe, from what is built already.
PROOF = {
    FEATURE: ("churn_features", "int_customer_features", "int_churn_examples", "rpt_churn_drivers"),
    SEGMENT: (
        *("rfm_segments", "segment_playbook", "int_customer_snapshots"),
        "assert_segments_map_every_cell_once_and_in_order",
    ),
    MART: ("rpt_weekday_revenue",),
}


class Step(NamedTuple):
    """A file, the lines to add, and the line below which they go."""

    file: str
    text: str
    below: str | None


def recipe(title: str) -> list[Step]:
    """Return the steps of a recipe."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = contributing.partition(f"### {title}\n")[2].partition("\n### ")[0]
    steps = []
    for step in STEP.finditer(section):
        file, *below = re.findall(r"`([^`]+)`", step["words"])
        # Under a number, text is set in by three.
        text = re.sub(r"^ {3}", "", step["text"], flags=re.MULTILINE)
        steps.append(Step(file, text, below[0] if below else None))
    assert 2 <= len(steps) <= 3, title
    return steps


def follow(project: Path, step: Step) -> None:
    """Do what a step says."""
    path = project / step.file
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    if step.below:
        assert step.below in lines, f"{step.file} has no line {step.below!r}"
        lines = [
            part
            for line in lines
            for part in ((line, step.text) if line == step.below else (line,))
        ]
    else:
        # The row of a score takes the place of the one that is there.
        key = step.text.partition(",")[0] + ","
        lines = [line for line in lines if path.suffix != ".csv" or not line.startswith(key)]
        lines.append(step.text)
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture
def copied(published_dir, tmp_path) -> Path:
    """A copy of the project, and in `data` one of a build."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("models", "python_models", "macros", "seeds", "tests", "analyses", "assets"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("dbt_project.yml", "profiles.yml", ".dbtignore", "README.md"):
        shutil.copy(ROOT / name, project)
    (project / "docs").mkdir()
    (project / "data").mkdir()
    (project / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    shutil.copytree(published_dir, project / "data" / "shop", symlinks=True)
    return project


def dbt(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = dbt_environment(project / "data" / "shop")
    return dbt_process.run(arguments, cwd=project, environment=environment)


def test_the_recipes_do_what_they_promise(copied):
    project = copied
    for title in PROOF:
        for step in recipe(title):
            follow(project, step)
    selected = " ".join(node for nodes in PROOF.values() for node in nodes).split()
    result = dbt(project, "build", *WITHOUT_UNIT_TESTS, "--select", *selected)
    assert result.returncode == 0, result.stdout[-3000:]
    with duckdb.connect(project / "data/shop/build/warehouse.duckdb", read_only=True) as built:
        (quarters,) = built.execute(
            "select count(*) from evidence.rpt_churn_drivers where feature_label = "
            "'purchase days in the last 180 days'"
        ).fetchone()
        (dormant,) = built.execute(
            "select count(*) from intermediate.int_customer_snapshots "
            "where segment = 'Dormant Customers' and rfm_score = '111'"
        ).fetchone()
        weekdays = built.execute("select sum(orders) from marts.rpt_weekday_revenue").fetchone()
        orders = built.execute("select count(*) from marts.fct_orders where not is_void").fetchone()
    assert quarters > 1
    assert dormant > 0
    assert weekdays == orders
    # What tests ask of every mart holds for the new one, too.
    manifest = json.loads((project / "data/shop/build/target/manifest.json").read_text("utf-8"))
    own = {
        kind: [n for n in manifest["nodes"].values() if n["resource_type"] == kind]
        for kind in ("model", "seed", "test")
    }
    test_project.test_every_mart_has_an_enforced_contract_and_a_key(own)
    test_project.test_everything_is_described(manifest, own)
    test_project.test_data_flows_one_way(own)
    test_project.test_the_name_of_a_model_says_its_layer(own)
    test_project.test_every_published_table_is_read_by_somebody(manifest, own)
    described = model_tables.descriptions(project, "README.md")
    listed = model_tables.filled((project / "README.md").read_text("utf-8"), described)
    assert "| `rpt_weekday_revenue` | weekday on which something was sold | Which weekday" in listed


# The step of each recipe that is forgotten, and what is said of it.
FORGOTTEN = {
    FEATURE: (
        2,
        r"seeds/churn_features.csv has no row for purchase_days_180d, which "
        r"models/intermediate/churn/_churn__models.yml describes .* Add the row \(feature,label,",
    ),
    SEGMENT: (
        1,
        r"seeds/segment_playbook.csv has no row for Dormant Customers, a segment of "
        r"seeds/rfm_segments.csv. Add the row \(segment,segment_rank,recommended_action\)",
    ),
    MART: (
        1,
        r"models/marts/sales/rpt_weekday_revenue.sql is described nowhere. Describe it, its key "
        r"and its columns in models/marts/sales/_sales__models.yml",
    ),
}


def test_a_step_that_was_forgotten_is_named_before_anything_is_built(copied):
    for title, (forgotten, _) in FORGOTTEN.items():
        for number, step in enumerate(recipe(title)):
            if number != forgotten:
                follow(copied, step)
    result = dbt(copied, "build", *WITHOUT_UNIT_TESTS, "--select", *PROOF[MART])
    said = " ".join(result.stdout.split())
    assert result.returncode != 0
    assert "E_INCOMPLETE: " in said
    for _, advice in FORGOTTEN.values():
        assert re.search(advice, said), result.stdout[-3000:]
    assert "START sql table model" not in said
