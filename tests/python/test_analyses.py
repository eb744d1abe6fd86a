"""The analyses run on a build and tell what can be worked out another way."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml
from conftest import ROOT, run_dbt
from sklearn.metrics import roc_auc_score

from customer_intelligence import open_marts
from tools import doc_tables

FILES = sorted((ROOT / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def analyses(published_dir):
    """The work database, with every analysis as a view."""
    result = run_dbt(published_dir, "compile", "--no-introspect", "--select", "path:analyses")
    assert result.returncode == 0, result.stdout[-3000:]
    with doc_tables.open_analyses(published_dir) as connection:
        yield connection


@pytest.fixture(scope="module")
def marts(published_dir):
    with open_marts(published_dir) as connection:
        yield connection


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_analysis_is_described_and_finds_something(analyses, file):
    head = file.read_text("utf-8").partition("\nwith ")[0]
    assert "?" in head.splitlines()[0] + head.splitlines()[1]
    assert f"-- Run: dbt show --select {file.stem} --output json" in head
    assert "-- How to read it: " in head
    described = yaml.safe_load((ROOT / "analyses/_analyses.yml").read_text())["analyses"]
    assert [d["description"] for d in described if d["name"] == file.stem] != []
    [(rows,)] = analyses.execute(f'select count(*) from "{file.stem}"').fetchall()
    assert rows > 0


def test_churn_by_horizon_is_what_counting_by_hand_gives(analyses):
    found = analyses.execute("select * from churn_by_horizon").df().set_index("horizon_days")
    assert list(found.index) == [30, 60, 90, 120]
    assert found["churn_rate"].is_monotonic_decreasing
    assert found["examples"].nunique() == 1
    days = analyses.execute(
        "select customer_id, activity_date from intermediate.int_customer_days where has_purchase"
    ).df()
    [(first, last)] = analyses.execute(
        "select first_invoice_date, as_of_date from intermediate.int_as_of"
    ).fetchall()
    first, last = pd.Timestamp(first), pd.Timestamp(last)
    known = churned = back = 0
    cutoff = last - pd.Timedelta(days=210)
    while cutoff >= first + pd.Timedelta(days=90):
        until = (days["activity_date"] - cutoff).dt.days
        before = set(days["customer_id"][until <= 0])
        lost = before - set(days["customer_id"][until.between(1, 60)])
        known += len(before)
        churned += len(lost)
        back += len(lost & set(days["customer_id"][until.between(61, 150)]))
        cutoff -= pd.Timedelta(days=7)
    assert found.loc[60, "examples"] == known
    assert found.loc[60, "churn_rate"] == pytest.approx(churned / known)
    assert found.loc[60, "came_back_within_90d"] == pytest.approx(back / churned)
    assert 0 < back < churned < known


def test_both_cleaning_policies_count_their_own_lines(analyses, marts):
    net = "select customer_id, purchase_days, net_revenue, segment from dim_customers order by 1"
    assert (
        analyses.execute(
            "select customer_id, net_purchase_days, net_revenue, net_segment "
            "from rfm_by_cleaning_policy where net_purchase_days is not null order by 1"
        ).fetchall()
        == marts.execute(net).fetchall()
    )
    # The recipe, on the lines as they came.
    classic = analyses.execute(
        """
        select customer_id, count(distinct invoice_no), sum(line_amount)
        from staging.stg_retail__invoice_lines
        where not is_quarantined and customer_id is not null and quantity > 0
            and invoice_no not like 'C%'
        group by 1 order by 1
        """
    ).fetchall()
    assert (
        classic
        == analyses.execute(
            "select customer_id, classic_orders, classic_revenue "
            "from rfm_by_cleaning_policy where classic_orders is not null order by 1"
        ).fetchall()
    )
    [(differing, fifths)] = analyses.execute(
        "select count(case when net_segment <> classic_segment then 1 end), "
        "count(distinct classic_f_score) from rfm_by_cleaning_policy"
    ).fetchall()
    assert differing > 0
    assert fifths == 5


def test_groupings_are_judged_on_the_same_customers_by_what_was_learned_before(analyses, marts):
    found = analyses.execute("select * from repurchase_by_grouping").df()
    found = found.set_index("grouping_name")
    assert len(found) == 5
    assert found["customers"].nunique() == 1
    examples = analyses.execute(
        "select * from intermediate.int_churn_examples where example_set in ('train', 'test')"
    ).df()
    band = pd.cut(examples["days_since_last_order"], [-1, 30, 60, 90, 180, 10_000], labels=False)
    bought = (~examples["has_churned"].astype(bool)).astype(int)
    is_test = examples["example_set"] == "test"
    promised = band[is_test].map(bought[~is_test].groupby(band[~is_test]).mean())
    assert found.loc["bands of days since last order", "roc_auc"] == pytest.approx(
        roc_auc_score(bought[is_test], promised)
    )
    tested = pd.DataFrame({"promised": promised, "bought": bought[is_test], "band": band[is_test]})
    error = tested["promised"] - tested.groupby("band")["bought"].transform("mean")
    assert found.loc["bands of days since last order", "rate_error"] == pytest.approx(
        error.abs().mean()
    )
    # Tenths lose a little of what the probabilities know, and nobody knows more than they.
    [(auc,)] = marts.execute(
        "select value from rpt_churn_metrics inner join build_info "
        "on rpt_churn_metrics.model = build_info.churn_scoring_model "
        "where metric = 'roc_auc' and population = 'all_known'"
    ).fetchall()
    assert found.loc["deciles by churn probability", "roc_auc"] == pytest.approx(auc, abs=0.02)
    assert found["roc_auc"].between(0.5, auc + 0.01).all()


def test_countries_add_up_and_small_ones_have_no_mean(analyses, marts):
    kpis = dict(marts.execute("select kpi, value from rpt_kpis").fetchall())
    totals = analyses.execute(
        "select sum(customers), sum(active_customers_90d), sum(net_revenue), sum(value_at_risk), "
        "sum(value_at_risk_share) from value_at_stake_by_country"
    ).fetchone()
    keys = ("customers", "active_customers_90d", "customer_net_revenue", "value_at_risk")
    assert totals[:4] == tuple(kpis[key] for key in keys)
    assert totals[4] == pytest.approx(1)
    sizes = analyses.execute(
        "select customers >= 30, mean_churn_probability is not null, count(*) "
        "from value_at_stake_by_country group by 1, 2"
    ).fetchall()
    assert {(large, known) for large, known, _ in sizes} <= {(True, True), (False, False)}
    assert any(large for large, _, _ in sizes)
