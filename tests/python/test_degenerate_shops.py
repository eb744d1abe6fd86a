"""Promise R7: shops at the edge of the definitions are built, published and told in plain words.

With ALL_SHOPS=1 in the environment every shop is built, otherwise the ones that tell most.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from conftest import SAMPLE, WITHOUT_UNIT_TESTS, ingested, run_dbt
from shops import FEW, OK, QUICK, SHOPS, THIN, Shop

from customer_intelligence import open_marts
from customer_intelligence.publication.summary import as_lines, print_summary, summarise

CHOSEN = tuple(SHOPS) if os.environ.get("ALL_SHOPS") else QUICK


@dataclass(frozen=True)
class Built:
    """A shop, its data directory, and what dbt said."""

    shop: Shop
    data_dir: Path
    result: subprocess.CompletedProcess[str]

    def value(self, statement: str) -> object:
        """Return the only value that a statement on the published marts gives."""
        with open_marts(self.data_dir) as marts:
            ((value,),) = marts.execute(statement).fetchall()
        return value


@pytest.fixture(scope="module")
def builds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Built]]]:
    """The builds of all shops that the selected tests ask for, two at a time."""
    root = tmp_path_factory.mktemp("shops")

    def build(name: str) -> Built:
        shop, data_dir = SHOPS[name], root / name
        ingested(shop.write(root / f"{name}.csv"), data_dir)
        # A header may be that of no preset: the rules are those of Online Retail all the same.
        rules = yaml.safe_load((SAMPLE / "shop.yml").read_text(encoding="utf-8"))
        (data_dir / "shop.yml").write_text(yaml.safe_dump({**rules, **shop.rules}))
        result = run_dbt(
            data_dir, "build", *WITHOUT_UNIT_TESTS, variables=shop.variables, threads=1
        )
        return Built(shop, data_dir, result)

    wanted = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.module is request.module
    ]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(build, name) for name in dict.fromkeys(wanted)}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def built(builds: dict[str, Future[Built]], name: str) -> Built:
    return builds[name].result()


published = pytest.mark.parametrize(
    "name", [name for name in CHOSEN if SHOPS[name].refusal is None]
)


@pytest.mark.parametrize("name", CHOSEN)
def test_it_is_published_or_refused_with_the_reason(built):
    log = built.result.stdout
    is_published = (built.data_dir / "published" / "current").exists()
    if built.shop.refusal is None:
        assert (built.result.returncode, is_published) == (0, True), log[-4000:]
    else:
        assert (built.result.returncode, is_published) == (1, False), log[-4000:]
        assert "not published: " in log
        assert built.shop.refusal in log


@published
def test_every_published_table_has_the_columns_of_its_contract(built):
    manifest = json.loads((built.data_dir / "build/target/manifest.json").read_text())
    contracts = {
        node["name"]: {
            name: "VARCHAR" if column["data_type"] == "string" else column["data_type"].upper()
            for name, column in node["columns"].items()
        }
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["access"] == "public"
    }
    with open_marts(built.data_dir) as marts:
        found = {
            mart: {name: kind for name, kind, *_ in marts.execute(f'describe "{mart}"').fetchall()}
            for (mart,) in marts.execute("select table_name from _meta_tables").fetchall()
        }
    assert found == contracts


@published
def test_no_figure_is_infinite_or_no_number(built):
    with open_marts(built.data_dir) as marts:
        for (mart,) in marts.execute("select table_name from _meta_tables").fetchall():
            for column, kind, *_ in marts.execute(f'describe "{mart}"').fetchall():
                if kind == "DOUBLE":
                    assert not marts.execute(
                        f'select bool_or(not isfinite("{column}")) from "{mart}"'
                    ).fetchone()[0], f"{mart}.{column}"


@published
def test_every_line_and_every_penny_is_accounted_for(built):
    lines = built.shop.lines()
    readable = [x for x in lines if isinstance(x[4], datetime) and x[4] < datetime.now()]
    assert built.value("select rows_in from build_info") == len(lines)
    assert built.value("select rows_quarantined from build_info") == len(lines) - len(readable)
    assert built.value("select coalesce(sum(lines), 0) from rpt_line_dispositions") == len(readable)
    assert built.value("select coalesce(sum(amount), 0) from rpt_line_dispositions") == sum(
        built.shop.amount(x) for x in readable
    )


@published
def test_models_that_do_not_apply_say_so(built):
    with open_marts(built.data_dir) as marts:
        models = marts.execute("select model, model_status from rpt_model_status").fetchall()
        customers = marts.execute(
            "select model_status, churn_probability is null, value_at_risk is null, "
            "churn_risk = 'unknown', cluster_id is null, cluster_name is null, "
            "clv_model_status, predicted_purchase_days_90d is null, predicted_value_365d is null, "
            "p_alive is null, count(*) from dim_customers group by all"
        ).fetchall()
    churn, clusters, value = built.shop.churn, built.shop.clusters, built.shop.lifetime_value
    is_short = not built.value(
        "select coalesce(as_of_date - first_invoice_date, 0) >= 90 from build_info"
    )
    has_few = is_short or bool(
        built.value(
            "select coalesce(min(customers) < 30 or min(customer_share) < 0.05, false) "
            "from rpt_cluster_profiles"
        )
    )
    assert dict(models) == {
        "churn": churn,
        "segments": FEW if is_short or built.shop.customers < 30 else OK,
        "clusters": FEW if clusters == OK and has_few else clusters,
        "lifetime_value": value,
    }
    of_value = (value, *[value == THIN] * 2, value != OK)
    expected = (
        *(churn, *[churn != OK] * 3),
        *[clusters == THIN] * 2,
        *of_value,
        built.shop.customers,
    )
    assert customers == ([expected] if built.shop.customers else [])
    assert built.value("select count(*) > 0 from fct_churn_backtest") == (churn != THIN)
    assert built.value("select count(*) > 0 from rpt_cluster_profiles") == (clusters != THIN)


@published
def test_the_marts_agree_with_what_is_true_of_the_shop(built):
    for statement, value in built.shop.facts.items():
        assert built.value(statement) == value, statement


@published
def test_findings_are_sentences_about_shares_that_exist(built):
    with open_marts(built.data_dir) as marts:
        findings = marts.execute("select finding from rpt_insights").fetchall()
    for (finding,) in findings:
        assert not re.search(r"\b(null|nan|inf)\b", finding, re.I), finding
        assert not re.search(r"\b1 customers\b|\b1 days\b", finding), finding
        assert all(0 <= int(n) <= 100 for n in re.findall(r"(-?\d+) %", finding)), finding


@published
def test_the_summary_says_in_words_what_was_skipped(built, capsys):
    print_summary(built.data_dir)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 15
    count = built.shop.customers
    assert lines[1].startswith("1 customer; " if count == 1 else f"{count} customers; ")
    with open_marts(built.data_dir) as marts:
        for status, words in marts.execute(
            "select model_status, explanation from rpt_model_status"
        ).fetchall():
            assert (words in lines) == (status != OK)
            assert words.endswith("skipped.") == (status == THIN)


@pytest.mark.parametrize("name", ["everybody_stays"])
def test_churners_too_rare_for_an_interval_leave_the_figure_alone(built):
    rare = {"model": "random_forest", "roc_auc": 0.75, "ci_low": None, "ci_high": None}
    summary = {**summarise(built.data_dir), "churn": rare}
    summary["models"] = {"churn": {"model_status": OK, "explanation": ""}}
    lines = as_lines(summary, built.data_dir)
    assert "churn: random_forest reaches AUC 0.750 on later purchases" in lines


@published
def test_nothing_rests_on_what_cannot_be_told(built):
    """No offer without a probability, no action by the segments of a handful, no claim of them."""
    assert not built.value(
        "select count(*) from fct_customer_actions "
        "where churn_probability is null and action in ('win_back', 'personal_contact', 'reminder')"
    )
    if built.shop.churn != OK:
        assert not built.value("select count(*) from fct_churn_reasons")
        assert not built.value(
            "select count(*) from rpt_insights where insight = 'who_to_contact_first' "
            "or insight like 'goes_with%' or insight = 'offers_that_pay'"
        )
    if built.shop.customers < 30:
        assert not built.value(
            "select count(*) from fct_customer_actions where action not in "
            "('none', 'second_order', 'service_check', 'do_not_contact')"
        )
        assert not built.value(
            "select count(*) from rpt_insights where insight like 'segment_value%'"
        )
