"""Drift: the index as numpy has it, its false alarms, and shops that change or do not."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable

import duckdb
import numpy as np
import pytest
from conftest import build, ingested, one_more_build
from scipy.stats import chi2
from shops import Line, Shop, line

from customer_intelligence import open_marts
from customer_intelligence.publication.summary import as_lines, summarise


def stability_index(reference: np.ndarray, compared: np.ndarray) -> tuple[float, int]:
    """Return the index over deciles of the reference, and the number of bins.

    Values are binned by the mid-rank of their ties, so tied values share a bin.
    """
    in_order = np.sort(reference)
    cells = np.stack(
        [
            np.bincount(np.minimum(10 * twice_rank // (2 * len(reference)), 9), minlength=10)
            for twice_rank in (
                sum(np.searchsorted(in_order, values, side) for side in ("left", "right"))
                for values in (reference, compared)
            )
        ]
    ).astype(float)
    cells = cells[:, cells.sum(axis=0) > 0]
    if (cells == 0).any():
        cells += 0.5
    then, now = cells / cells.sum(axis=1, keepdims=True)
    return float(((now - then) * np.log(now / then)).sum()), cells.shape[1]


def critical_index(n: int, m: int, bins: int, things: int = 1) -> float:
    return (1 / n + 1 / m) * chi2.ppf(1 - 0.05 / things, bins - 1)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (2000, 700)])
@pytest.mark.parametrize("kind", ["continuous", "counts"])
def test_equal_distributions_exceed_the_critical_value_in_one_case_of_twenty(kind, n, m):
    chance = np.random.default_rng(1)
    draw: Callable[[int], np.ndarray] = chance.normal if kind == "continuous" else None
    alarms = 0
    for _ in range(2000):
        then, now = (
            draw(size=size) if draw else chance.geometric(0.4, size=size) for size in (n, m)
        )
        index, bins = stability_index(then, now)
        alarms += index > critical_index(n, m, bins)
    assert 0.03 < alarms / 2000 < 0.08


@pytest.mark.parametrize("customers", [220, 500])
def test_of_shops_without_drift_one_build_in_twenty_raises_an_alarm(published_dir, customers):
    """Both dates are drawn from the same customers, all features of one at a time.

    Bounds of 5 % for each feature would raise one in nearly every second build of a small shop.
    """
    with duckdb.connect(str(published_dir / "build/warehouse.duckdb"), read_only=True) as database:
        features = [
            name
            for (name,) in database.execute(
                "select subject from ml.ml_distribution_drift "
                "where kind = 'feature' and not is_structural and psi is not null"
            ).fetchall()
        ]
        (things,) = database.execute(
            "select (select count(psi) from ml.ml_distribution_drift where not is_structural) "
            "+ (select count(standard_error) from ml.ml_churn_outcome_drift)"
        ).fetchone()
        drawn_from = (
            database.execute(
                f"select {', '.join(features)} from intermediate.int_customer_features "
                "where days_since_last_order <= 90 and cutoff_date = (select max(cutoff_date) "
                "from intermediate.int_customer_features) order by customer_id"
            )
            .df()
            .to_numpy(dtype=float)
        )
    assert len(features) > 12
    chance = np.random.default_rng(2)
    alarms, alarms_each = 0, 0
    for _ in range(100):
        then, now = (chance.choice(drawn_from, customers) for _ in range(2))
        raised, raised_each = False, False
        for column in range(len(features)):
            was, became = (side[~np.isnan(side[:, column]), column] for side in (then, now))
            index, bins = stability_index(was, became)
            bound = critical_index(len(was), len(became), bins, things)
            bound_each = critical_index(len(was), len(became), bins)
            # Where chance may reach .25 nothing is told.
            raised |= max(bound, 0.10) < index and bound <= 0.25
            raised_each |= max(bound_each, 0.10) < index and bound_each <= 0.25
        alarms += raised
        alarms_each += raised_each
    assert alarms <= 0.05 * 100 + 2 * np.sqrt(0.05 * 0.95 * 100)
    if customers < 300:
        assert alarms_each > 0.2 * 100


@pytest.mark.parametrize("seed", range(5))
def test_the_same_customers_twice_have_an_index_of_nothing(seed):
    values = np.random.default_rng(seed).poisson(2, size=300)
    assert stability_index(values, values)[0] == 0


def test_the_indices_of_a_build_are_those_of_numpy(published_dir):
    with duckdb.connect(str(published_dir / "build/warehouse.duckdb"), read_only=True) as database:
        rows = database.execute(
            "select subject, reference_date, compared_date, reference_customers, "
            "compared_customers, psi, critical_psi, reference_value, compared_value "
            "from evidence.rpt_drift where kind = 'feature'"
        ).fetchall()
        assert len(rows) > 20
        (things,) = database.execute(
            "select (select count(psi) from ml.ml_distribution_drift where not is_structural) "
            "+ (select count(standard_error) from ml.ml_churn_outcome_drift)"
        ).fetchone()
        for feature, *dates, n, m, index, critical, was, now in rows:
            sides = [
                database.execute(
                    f"select {feature}::double from intermediate.int_customer_features "
                    f"where cutoff_date = ? and days_since_last_order <= 90 "
                    f"and {feature} is not null",
                    [date],
                ).fetchnumpy()
                for date in dates
            ]
            sides = [np.asarray(next(iter(side.values()))) for side in sides]
            expected, bins = stability_index(*sides)
            assert [len(side) for side in sides] == [n, m], feature
            assert index == pytest.approx(expected, abs=1e-9), feature
            assert critical == pytest.approx(critical_index(n, m, bins, things)), feature
            medians = [np.quantile(side, 0.5, method="inverted_cdf") for side in sides]
            assert [was, now] == pytest.approx(medians), feature


def test_the_history_ends_in_the_figures_of_the_test(published_dir):
    """Intervals by formula are those of resampling, near enough."""
    with open_marts(published_dir) as marts:
        rows = marts.execute(
            """
            select metrics.metric, metrics.value, metrics.ci_low, metrics.ci_high,
                history.mean_churn_probability, history.churn_rate,
                history.roc_auc, history.roc_auc_low, history.roc_auc_high,
                history.brier_score, history.brier_score_low, history.brier_score_high
            from rpt_churn_metrics as metrics
            inner join rpt_churn_history as history using (model, cutoff_date, population)
            where metrics.metric in
                ('roc_auc', 'brier_score', 'churn_rate', 'mean_churn_probability')
            """
        ).fetchall()
    assert len(rows) == 8
    for metric, value, low, high, *history in rows:
        figures = {
            "mean_churn_probability": history[:1],
            "churn_rate": history[1:2],
            "roc_auc": history[2:5],
            "brier_score": history[5:],
        }[metric]
        assert figures[0] == pytest.approx(value, abs=1e-9)
        if len(figures) > 1:
            assert figures[1:] == pytest.approx([low, high], abs=0.008)


def test_a_sample_that_does_not_change_raises_no_alarm(published_dir):
    with open_marts(published_dir) as marts:
        statuses = dict(
            marts.execute("select status, count(*) from rpt_drift group by status").fetchall()
        )
        assert marts.execute(
            "select status from rpt_drift where subject = 'tenure_days'"
        ).fetchone() == ("structural",)
        maybe = marts.execute(
            "select subject from rpt_drift where status = 'may_be_season'"
        ).fetchall()
    assert statuses.keys() == {"steady", "structural", "may_be_season"}
    # With less than two years, the level of a season cannot be taken from the year before.
    assert maybe == [("excess_probability",)]
    (line,) = [
        line
        for line in as_lines(summarise(published_dir), published_dir)
        if line.startswith("drift: ")
    ]
    assert line.startswith(
        f"drift: none of {statuses['steady'] + 1} things watched; 1 changed as the season may "
        "(level of the churn probabilities)"
    )


def steady_shop(factor: int, customers: int = 600, days: int = 700) -> list[Line]:
    """Customers, small and large, who order every four to eight weeks.

    From day 600 on quantities are multiplied, as when a file counts single units and no packs.
    """
    lines = [line("last", days, None)]
    for number in range(customers):
        chance = random.Random(number)
        usual = chance.randint(1, 200)
        day = chance.randint(0, 40)
        while day < days:
            quantity = (usual + chance.randint(0, 2)) * (factor if day > 600 else 1)
            lines.append(line(f"{number}-{day}", day, f"{number}", quantity=quantity))
            day += chance.randint(28, 56)
    return lines


@one_more_build
def test_a_change_made_on_purpose_is_told_and_published(tmp_path):
    data_dir = tmp_path / "data"
    ingested(Shop(lambda: steady_shop(10)).write(tmp_path / "shop.csv"), data_dir)
    build(data_dir)
    log = (data_dir / "build" / "logs" / "dbt.log").read_text()
    with open_marts(data_dir) as marts:
        moved = dict(
            marts.execute(
                "select subject, sentence from rpt_drift "
                "where status = 'drifted' and kind = 'feature'"
            ).fetchall()
        )
        (tests_passed,) = marts.execute("select tests_passed from build_info").fetchone()
    results = json.loads((data_dir / "build" / "target" / "run_results.json").read_text())
    told = Counter(
        result["status"] for result in results["results"] if result["unique_id"].startswith("test.")
    )
    assert tests_passed == told["pass"], "a test that warned did not pass"
    assert told["warn"] == 1
    assert "published: " in log
    assert {"units_per_line", "net_revenue_per_purchase_day"} <= set(moved)
    assert "Find out what changed" in moved["units_per_line"]
    assert any(text.startswith("drift: ") for text in as_lines(summarise(data_dir), data_dir))
