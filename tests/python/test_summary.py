"""What a summary says in lines, from its figures alone."""

import json
from importlib.resources import files
from pathlib import Path

import duckdb
import jsonschema
import pytest
from faults.small_marts import build, fill, tables_of

from customer_intelligence.publication.publish import publish
from customer_intelligence.publication.summary import as_lines, summarise

SCHEMA = "summary.schema.json"

FIGURES = {
    "as_of_date": "2011-12-09",
    "cleaning_policy": "net",
    "currency": "GBP",
    "rows_in": 100_001,
    "rows_quarantined": 0,
    "tests_passed": 9,
    "customers": 7,
    "net_revenue": 1.0,
    "customer_net_revenue": 1.0,
    "segments": [],
    "churn": None,
    "models": {},
    "findings": [],
    "drift": {"watched": 0, "drifted": {}},
}


def test_lines_dated_far_off_are_told_with_their_money_and_the_way_out():
    plain = as_lines({**FIGURES, "far_off_dates": None}, Path("data"))
    told = as_lines({**FIGURES, "far_off_dates": {"lines": 1, "amount": 15.3}}, Path("data"))
    (warning,) = [line for line in told if line not in plain]
    assert warning == (
        "WARNING: 1 line is dated far from all others and set apart (GBP 15.30): correct the "
        "dates, or write `far_off_dates: count` into shop.yml"
    )
    # Summaries of versions published before say nothing of it.
    assert as_lines(FIGURES, Path("data")) == plain


def test_what_churn_reaches_is_told_with_both_uncertainties():
    churn = {"model": "m", "roc_auc": 0.746, "ci_low": 0.732, "ci_high": 0.762}
    months = {"cutoffs": 3, "lowest_roc_auc": 0.746, "highest_roc_auc": 0.768}
    status = {"churn": {"model_status": "ok", "explanation": ""}}

    def told(churn):
        lines = as_lines({**FIGURES, "churn": churn, "models": status}, Path("data"))
        return next(line for line in lines if line.startswith("churn: "))

    over_customers = "churn: m reaches AUC 0.746 [0.732–0.762] on later purchases"
    assert told({**churn, **months}) == f"{over_customers}, 0.746 to 0.768 over 3 cutoffs"
    # One cutoff says nothing of months, and summaries of versions before say nothing either.
    assert told({**churn, **months, "cutoffs": 1}) == over_customers
    assert told(churn) == over_customers


def test_another_churn_window_is_announced():
    plain = as_lines(FIGURES, Path("data"))
    kept = {"now": 90, "before": None}
    assert as_lines({**FIGURES, "churn_horizon_days": kept}, Path("data")) == plain
    changed = as_lines({**FIGURES, "churn_horizon_days": {"now": 150, "before": 90}}, Path("data"))
    (warning,) = [line for line in changed if line not in plain]
    assert warning == (
        "WARNING: the churn window is 150 days now and was 90 days: churn figures cannot be "
        "compared with those of the version before"
    )


# ---------- the schema that ships with the package


def strict(schema: dict) -> dict:
    """The schema without any key that it does not name: for others they may be added."""
    closed = {
        key: strict(value) if isinstance(value, dict) else value for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed


def check(summary: dict) -> None:
    schema = json.loads((files("customer_intelligence.publication") / SCHEMA).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(strict(schema)).validate(summary)


def published(tmp_path, *statements: str) -> dict:
    with duckdb.connect() as connection:
        fill(connection, 3)
        for statement in statements:
            connection.execute(statement)
        publish(connection, tmp_path, build(1), tables_of(connection))
    return summarise(tmp_path)


def test_a_summary_is_what_its_schema_says(tmp_path):
    """Scripts read it: a key that changes must be seen here first."""
    summary = published(tmp_path)
    check(summary)
    for key in summary:
        with pytest.raises(jsonschema.ValidationError):
            check({name: value for name, value in summary.items() if name != key})
    with pytest.raises(jsonschema.ValidationError):
        check({**summary, "not_in_the_schema": 1})


def test_what_is_rarely_in_a_summary_is_in_its_schema_too(tmp_path):
    summary = published(
        tmp_path,
        "update marts.build_info set as_of_date = null, churn_scoring_model = 'm', "
        "previous_churn_horizon_days = 60",
        "insert into marts.fct_returns values (true, 1.5)",
        "insert into marts.rpt_order_statuses values ('open', 'pending', 2, 3.0), "
        "('lost?', 'unknown', 1, 1.0)",
        "insert into marts.rpt_quarantine values ('R_DATE', 2, null), ('R_PRICE', 1, 5.0)",
        "insert into marts.rpt_line_dispositions values "
        "('far_off_date', 'Far off', 'nothing', 1, 900.0, 2)",
        "insert into marts.rpt_churn_metrics values ('m', 'roc_auc', 'all_known', 0.7, null, null)",
        "update marts.rpt_segments set net_revenue_share = null",
        "insert into marts.rpt_drift values ('y', 'drifted', 'It did.', 'k', 'y'), "
        "('z', 'may_be_season', 'It may be.', 'k', 'z')",
    )
    assert len(summary["taken_for_granted"]) == 3
    assert summary["churn"]["ci_low"] is None
    assert summary["drift"]["drifted"] == {"y": "It did."}
    assert summary["warnings"]
    check(summary)


@pytest.mark.slow
def test_the_summary_of_a_build_is_what_its_schema_says(published_dir):
    check(summarise(published_dir))
