"""Agents over the Model Context Protocol: what they are told is what the marts say, and no more."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, publish_changed
from mcp import Client, StdioServerParameters

from customer_intelligence import open_marts
from customer_intelligence.agents.server import make_server
from customer_intelligence.erasure.forget import erase
from tools import transcript

HOSTILE = [
    "' or 1=1 --",
    "x'; drop table dim_customers; --",
    "12347' union select * from read_text('/etc/passwd') --",
    "{{ Dimension('customer__country') }}",
    "\0",
    "../../etc/passwd",
    "",
]


def asked(data_dir: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Return the answers of a server in this process, as a client of the package gets them."""

    async def ask() -> list[Any]:
        async with Client(make_server(data_dir)) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(ask())


def told(data_dir: Path, name: str, /, **arguments: Any) -> dict[str, Any]:
    [result] = asked(data_dir, (name, arguments))
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


def refused(data_dir: Path, name: str, /, **arguments: Any) -> str:
    [result] = asked(data_dir, (name, arguments))
    assert result.is_error
    return result.content[0].text


@pytest.fixture(scope="module")
def marts(published_dir):
    with open_marts(published_dir) as connection:
        yield connection


def test_a_client_that_starts_the_server_is_answered(published_dir):
    """Over standard input and output, as a client of an agent starts it."""

    async def ask() -> tuple[list[str], dict[str, Any]]:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "customer_intelligence", "mcp", f"--data-dir={published_dir}"],
        )
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            result = await client.call_tool("query_metrics", {"metrics": ["orders"]})
            return [tool.name for tool in tools], json.loads(result.content[0].text)

    names, answer = asyncio.run(ask())
    assert "explain_customer" in names
    assert answer["answer"][0]["orders"] > 0


def test_every_answer_says_what_it_is_from_and_what_it_leaves_out(published_dir, marts):
    [(version, as_of, share)] = marts.execute(
        "select version, _meta.as_of_date::varchar, value from main._meta, rpt_kpis "
        "where kpi = 'anonymous_revenue_share'"
    ).fetchall()
    [(customer,)] = marts.execute("select min(customer_id) from dim_customers").fetchall()
    calls = [
        ("about_the_data", {}),
        ("findings", {}),
        ("list_metrics", {}),
        ("query_metrics", {"metrics": ["customers"], "by": ["segment"]}),
        ("segments", {}),
        ("explain_customer", {"customer_id": customer}),
        ("definition", {"name": "segment"}),
    ]
    for (name, _), result in zip(calls, asked(published_dir, *calls), strict=True):
        answer = json.loads(result.content[0].text)
        assert answer["version"]["version"] == version, name
        assert answer["version"]["as_of_date"] == as_of, name
        if name != "findings":
            assert answer["cautions"] == [
                f"{float(share):.1%} of net revenue has no known customer and is in no figure "
                "about customers."
            ], name


def test_the_conversation_in_the_documents_is_what_the_sample_answers(published_dir):
    written = (ROOT / "docs" / "agents.md").read_text("utf-8")
    assert transcript.filled(written, published_dir) == written, "run `make build tutorial`"
    assert written.count("<!-- asked: ") > 3


def test_revenue_with_and_without_customers_needs_no_caution(published_dir):
    assert told(published_dir, "query_metrics", metrics=["net_revenue"])["cautions"] == []


def test_a_prediction_comes_with_its_model_and_an_interval(published_dir, marts):
    answer = told(published_dir, "query_metrics", metrics=["expected_churn_rate"], by=["segment"])
    [state] = answer["models"]
    assert (state["model"], state["model_status"]) == ("churn", "ok")
    [evidence] = answer["evidence"]
    assert evidence["ci_low"] < evidence["figure"] < evidence["ci_high"]
    expected = marts.execute(
        "select segment, mean_churn_probability from rpt_segments order by segment"
    ).fetchall()
    assert [(row["segment"], row["expected_churn_rate"]) for row in answer["answer"]] == [
        (segment, pytest.approx(value)) for segment, value in expected
    ]
    measured = told(published_dir, "query_metrics", metrics=["orders"])
    assert (measured["models"], measured["evidence"]) == ([], [])


def test_a_model_that_was_not_fitted_gives_its_reason(copy):
    data_dir = copy(
        "update rpt_model_status set model_status = 'insufficient_data', "
        "explanation = 'Too few customers.' where model = 'churn'"
    )
    answer = told(data_dir, "query_metrics", metrics=["value_at_risk"])
    assert answer["models"][0]["model_status"] == "insufficient_data"
    assert answer["models"][0]["explanation"] == "Too few customers."


def test_what_the_data_do_not_hold_is_refused_with_what_they_do(published_dir):
    words = refused(published_dir, "query_metrics", metrics=["profit"])
    assert "E_UNKNOWN_METRIC" in words
    assert "net_revenue" in words


def test_a_customer_is_explained_as_the_marts_say(published_dir, marts):
    [(customer, segment, probability, reason)] = marts.execute(
        """
        select customer_id, segment, churn_probability, reason
        from dim_customers inner join fct_churn_reasons using (customer_id)
        where reason_rank = 1 order by customer_id limit 1
        """
    ).fetchall()
    answer = told(published_dir, "explain_customer", customer_id=customer)["answer"]
    assert answer["customer"]["segment"] == segment
    assert answer["customer"]["churn_probability"] == pytest.approx(probability)
    assert answer["reasons_of_churn"][0]["reason"] == reason
    assert answer["action"]["action_label"]


def test_a_customer_who_refused_since_the_build_is_not_to_be_contacted(copy, marts):
    [(customer,)] = marts.execute(
        "select min(customer_id) from fct_customer_actions where is_contact"
    ).fetchall()
    data_dir = copy()
    assert told(data_dir, "explain_customer", customer_id=customer)["answer"]["action"][
        "is_contact"
    ]
    (data_dir / "do_not_contact.csv").write_text(f"customer_id\n{customer}\n")
    answer = told(data_dir, "explain_customer", customer_id=customer)["answer"]
    assert answer["action"] == {"action_label": "Do not contact", "is_contact": False}
    assert answer["customer"]["may_be_contacted"] is False


def test_an_erased_customer_is_unknown_before_the_next_build(copy, marts, published_dir):
    [(customer,)] = marts.execute("select min(customer_id) from dim_customers").fetchall()
    data_dir = copy()
    erase(data_dir, customer)
    words = refused(data_dir, "explain_customer", customer_id=customer)
    assert "E_NO_CUSTOMER" in words
    assert customer not in words


def test_a_dimension_that_is_no_column_is_defined(published_dir):
    [found] = told(published_dir, "definition", name="was_active_90d")["answer"]
    assert (found["kind"], "90 days" in found["meaning"]) == ("dimension", True)
    assert "E_NO_DEFINITION" in refused(published_dir, "definition", name="margin")


def test_what_changed_is_the_difference_of_two_versions(copy):
    data_dir = copy()
    assert "E_NO_VERSION_BEFORE" in refused(data_dir, "what_changed")
    publish_changed(
        data_dir,
        data_dir,
        "insert into rpt_changes select customer_id, 'segment', 'At Risk', segment, 'time', "
        "date '2011-11-30', (select version from main._meta) from dim_customers "
        "where segment = 'Lost Customers' order by customer_id limit 3",
        "update rpt_kpis set value = value + 1 where kpi = 'customers'",
    )
    answer = told(data_dir, "what_changed")["answer"]
    assert answer["customers_who_changed"] == [
        {
            "attribute": "segment",
            "value_before": "At Risk",
            "value_now": "Lost Customers",
            "cause": "time",
            "customers": 3,
        }
    ]
    differing = [row for row in answer["key_figures"] if row["before"] != row["now"]]
    assert [(row["kpi"], row["now"] - row["before"]) for row in differing] == [("customers", 1)]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_asked_becomes_sql_or_a_path(published_dir, text):
    files = {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in published_dir.rglob("published/*/*")
        if path.is_file()
    }
    calls = [
        ("explain_customer", {"customer_id": text}),
        ("definition", {"name": text}),
        ("query_metrics", {"metrics": [text]}),
        ("query_metrics", {"metrics": ["orders"], "by": [text]}),
        ("query_metrics", {"metrics": ["orders"], "order": [text]}),
        ("query_metrics", {"metrics": ["orders"], "where": {text: ["x"]}}),
        ("query_metrics", {"metrics": ["orders"], "since": text}),
        ("query_metrics", {"metrics": ["orders"], "by": ["segment"], "where": {"segment": [text]}}),
    ]
    *wrong, filtered = asked(published_dir, *calls)
    for (name, _), result in zip(calls, wrong, strict=False):
        assert result.is_error, name
        assert "root:" not in result.content[0].text
    assert json.loads(filtered.content[0].text)["answer"] == []
    for path, digest in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    "arguments", [{"limit": 0}, {"limit": 10_000}, {"metrics": ["orders"] * 30}, {"metrics": "x"}]
)
def test_a_question_beyond_the_bounds_is_refused(published_dir, arguments):
    assert refused(published_dir, "query_metrics", **{"metrics": ["orders"], **arguments})


def test_a_damaged_version_is_told_and_not_shown(copy):
    data_dir = copy()
    database = next((data_dir / "published").glob("*/customer_intelligence.duckdb"))
    database.write_bytes(database.read_bytes()[:5000])
    assert "E_DAMAGED" in refused(data_dir, "segments")
