"""Shares, their bounds and probabilities lie between 0 and 1, however they are rounded."""

from __future__ import annotations

import duckdb
import jinja2
import numpy as np
import pytest
from conftest import ROOT
from pareto_nbd import ParetoNBD

from customer_intelligence import lifetime_value as clv
from customer_intelligence.churn.calibration import Calibration
from customer_intelligence.clusters import diagnostics
from customer_intelligence.scoring import MAX_LOGIT


@pytest.fixture(scope="module")
def macros():
    """Return the macros as dbt would see them, by name."""
    environment = jinja2.Environment(autoescape=False)  # nosec
    names = ("within", "proportion", "wilson_bound", "rank_auc")
    for name in names:
        source = (ROOT / "macros" / f"{name}.sql").read_text("utf-8")
        environment.globals[name] = getattr(environment.from_string(source).module, name)
    return environment.globals


@pytest.fixture(scope="module")
def rates():
    """Return 1 to ten million trials with none, one, all but one and all successes."""
    with duckdb.connect() as connection:
        connection.execute("""
            create table rates as
            with sizes as (
                select range + 1 as trials from range(2000)
                union select floor(pow(10, range / 250))::bigint from range(1751)
            )
            select distinct trials, least(greatest(successes, 0), trials) as successes
            from sizes, unnest([0, 1, trials // 3, trials - 1, trials]) as given(successes)
        """)
        yield connection


def test_a_wilson_interval_holds_its_share_within_0_and_1(rates, macros):
    low, high = (macros["wilson_bound"]("successes", "trials", side) for side in "-+")
    [(wrong, rows, largest)] = rates.execute(f"""
        select
            count(*) filter (not (0 <= low and low <= share and share <= high and high <= 1)),
            count(*), max(trials)
        from (
            select trials, {low} as low, {high} as high,
                {macros["proportion"]("successes", "trials")} as share
            from rates
        )
    """).fetchall()  # nosec
    assert (wrong, largest) == (0, 10_000_000)
    assert rows > 10_000


def test_a_proportion_is_exact_at_its_ends_and_null_of_nothing(rates, macros):
    share = macros["proportion"]("successes", "trials")
    assert rates.execute(f"""
        select count(*) from rates where {share} not between 0 and 1
            or (successes = 0 and {share} <> 0) or (successes = trials and {share} <> 1)
    """).fetchall() == [(0,)]  # nosec
    for expression in (
        macros["proportion"]("0", "0"),
        macros["wilson_bound"]("0", "0", "+"),
        macros["within"]("null::double", "0.0", "1.0"),
    ):
        assert duckdb.sql(f"select {expression}").fetchall() == [(None,)]


def test_a_sum_of_shares_that_rounds_past_1_is_1(macros):
    # Ten tenths, weighted: what a weighted average of precisions comes to.
    weighted = macros["proportion"]("sum(share * weight)", "sum(weight)")
    values = ", ".join(["(1.0000000000000002::double, 3)"] * 7)
    assert duckdb.sql(
        f"select {weighted} from (values {values}) as rates(share, weight)"
    ).fetchall() == [(1.0,)]


@pytest.mark.parametrize("scores", ["same", "perfect", "backwards"])
@pytest.mark.parametrize("size", [2, 3, 1000, 100_000])
def test_a_rank_auc_lies_within_0_and_1(macros, scores, size):
    score = {"same": "0", "perfect": "label", "backwards": "-label"}[scores]
    area = macros["rank_auc"]("label", "score_rank", "ties")
    [(found,)] = duckdb.sql(f"""
        with examples as (select (range % 2)::int as label from range({size})),
        ranked as (
            select label, rank() over (order by {score}) as score_rank,
                count(*) over (partition by {score}) as ties
            from examples
        )
        select {area} from ranked
    """).fetchall()  # nosec
    assert found == {"same": 0.5, "perfect": 1, "backwards": 0}[scores]


def test_purchase_models_give_probabilities():
    x = np.repeat([0, 1, 10, 1000, 100_000], 4).astype(float)
    age = np.tile([1e-3, 1.0, 100.0, 2000.0], 5)
    for share in (1e-9, 0.5, 1.0):
        recency = np.where(x > 0, share * age, 0)
        for model in (
            clv.BGNBD.from_parameters(r=0.2, alpha=4.0, a=0.8, b=2.4),
            clv.BGNBD.from_parameters(r=50.0, alpha=1e-3, a=1e-6, b=1e3),
            ParetoNBD.from_parameters(r=0.5, alpha=10.0, s=0.6, beta=11.0),
            ParetoNBD.from_parameters(r=5.0, alpha=1.0, s=1e-6, beta=1e3),
        ):
            for found in (
                model.p_alive(x, recency, age),
                *([model.p_no_purchase(13.0, x, recency, age)]
                  if hasattr(model, "p_no_purchase") else []),
            ):  # fmt: skip
                assert ((found >= 0) & (found <= 1)).all(), model


def test_a_calibrated_score_is_a_probability_that_has_a_logit():
    scores = np.array([-1e6, -50.0, 0.0, 50.0, 1e6])
    for line in (Calibration(), Calibration(3.0, 40.0)):
        found = line(scores)
        assert (np.abs(found) <= MAX_LOGIT).all()


def test_a_silhouette_of_far_groups_is_at_most_1():
    for groups in (2, 3, 7):
        labels = np.repeat(np.arange(groups), 30)
        sums = np.full((len(labels), groups), 1e9)
        sums[np.arange(len(labels)), labels] = 0
        assert 0.999 < diagnostics._mean_silhouette(sums, labels)[0] <= 1
