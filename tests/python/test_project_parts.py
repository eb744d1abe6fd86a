"""Whoever forgets one of the files of an addition reads what to write, and where."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from customer_intelligence.churn.models import MODELS, names
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.rules import CLASSES
from customer_intelligence.publication.project_parts import check_parts

FOLDER = "models/intermediate/churn"


def parsed() -> list[dict]:
    """Return the two models of features as dbt would hand them over."""
    path = f"{FOLDER}/_churn__models.yml"
    described = {
        model["name"]: [column["name"] for column in model["columns"]]
        for model in yaml.safe_load((ROOT / path).read_text("utf-8"))["models"]
    }
    return [
        {
            "name": name,
            "columns": described[name],
            "described_in": path,
            "written_in": f"{FOLDER}/{name}.sql",
            "sql": (ROOT / FOLDER / f"{name}.sql").read_text("utf-8"),
        }
        for name in ("int_customer_features", "int_churn_examples")
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    return tmp_path


def refusal(project: Path, **changed: object) -> str:
    options = {
        "variables": {},
        "models": parsed(),
        "undescribed": [],
        "fitted": names(MODELS),
        **changed,
    }
    with pytest.raises(CustomerIntelligenceError) as error:
        check_parts(project, **options)
    return str(error.value)


def edit(project: Path, seed: str, old: str, new: str) -> None:
    path = project / "seeds" / f"{seed}.csv"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_project_is_complete(project):
    check_parts(project, {"churn_features": None}, parsed(), [], names(MODELS))
    chosen = {"churn_features": ["net_revenue"], "churn_scoring_model": "logit_average"}
    check_parts(project, chosen, parsed(), [], names(MODELS))


def test_a_model_is_described_in_the_yaml_of_its_folder(project):
    said = refusal(project, undescribed=["models/marts/sales/rpt_weekdays.sql"])
    assert said.startswith("E_INCOMPLETE: models/marts/sales/rpt_weekdays.sql is described nowhere")
    assert "in models/marts/sales/_sales__models.yml" in said


def test_a_feature_is_computed_described_twice_and_named(project):
    models = parsed()
    models[0]["columns"].append("weekend_share")
    said = refusal(project, models=models)
    assert said.startswith("E_INCOMPLETE: seeds/churn_features.csv has no row for weekend_share")
    assert "Add the row (feature,label,feature_group," in said
    edit(project, "churn_features", "net_revenue,net", "weekend_share,a,b,,\nnet_revenue,net")
    said = refusal(project)
    assert "_churn__models.yml does not describe weekend_share of int_customer_features" in said
    said = refusal(project, models=models)
    assert "int_customer_features.sql does not compute weekend_share" in said
    models[0]["sql"] += "weekend_share"
    said = refusal(project, models=models)
    assert "_churn__models.yml does not describe weekend_share of int_churn_examples" in said
    models[1]["columns"].append("weekend_share")
    check_parts(project, {}, models, [], names(MODELS))


def test_a_churn_model_is_fitted_and_ranked(project):
    assert "churn_models.csv has no row for svm" in refusal(project, fitted=[*names(MODELS), "svm"])
    edit(project, "churn_models", "base_rate,1,", "coin,1,a coin\nbase_rate,1,")
    assert "Add its line to MODELS in src/customer_intelligence/churn/models.py" in refusal(project)
    edit(project, "churn_models", "coin,1,a coin\nbase_rate,1,", "base_rate,2,")
    assert "number them from 1" in refusal(project)


def test_a_segment_is_mapped_and_ranked(project):
    edit(project, "rfm_segments", "111,1,1,1,Lost", "111,1,1,1,Long Lost")
    said = refusal(project)
    assert "seeds/segment_playbook.csv has no row for Long Lost Customers" in said
    assert "Add the row (segment,segment_rank,recommended_action)" in said
    edit(project, "rfm_segments", "Long Lost", "Lost")
    edit(project, "segment_playbook", "Lost Customers,6", "Gone,6,Nothing\nLost Customers,7")
    assert "seeds/rfm_segments.csv gives no score the segment Gone" in refusal(project)
    edit(project, "segment_playbook", "Gone,6,Nothing\n", "")
    assert "number them from 1" in refusal(project)
    edit(project, "segment_playbook", "Lost Customers,7", "Lost Customers,6")
    edit(project, "action_playbook", "Champions|", "Champion|")
    assert "action_playbook.csv names the segment Champion," in refusal(project)


def test_the_documents_name_every_class_of_stock_codes():
    text = (ROOT / "docs" / "your-data.md").read_text("utf-8")
    named = re.search(r"The classes are (.*?)\(\[their meaning\]", text, re.DOTALL)[1]
    assert sorted(re.findall(r"`(\w+)`", named)) == sorted(CLASSES), "docs/your-data.md"


def test_a_class_of_stock_codes_is_allowed_and_explained(project):
    assert "stock_code_classes.csv has no row for deposit" in refusal(
        project, classes=[*CLASSES, "deposit"]
    )
    edit(project, "stock_code_classes", "tip,", "deposit,false,Deposit on bottles\ntip,")
    said = refusal(project)
    assert "explains deposit, which shop.yml may not name" in said
    assert "Add it to CLASSES in src/customer_intelligence/ingest/rules.py" in said


@pytest.mark.parametrize(
    ("name", "value", "unknown", "known"),
    [
        ("churn_scoring_model", "xgb", "xgb", "base_rate, recency_only"),
        (
            "churn_features",
            ["net_revenue", "gut_feeling"],
            "gut_feeling",
            "days_since_last_order, ",
        ),
    ],
)
def test_a_var_names_what_the_project_has(project, name, value, unknown, known):
    said = refusal(project, variables={name: value})
    assert said.startswith(f"E_BAD_VARS: The var {name} names {unknown}, which seeds/")
    assert known in said
