"""The scoreboard: no method knows anything of the day of the cutoff or of any day after it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from benchmarks.scoreboard import churn, protocol, purchases, shops

CUTOFF, DAYS = pd.Timestamp("2010-08-01"), 60


@pytest.fixture(scope="module")
def events():
    log = shops.simulated().events
    is_some = log["customer_id"] < "c02000"
    return log[is_some & (log["day"] < CUTOFF + pd.Timedelta(days=DAYS))]


def changed(events):
    """Everybody who is known buys on the very day of the cutoff; the rest of the future is gone."""
    known = events[events["day"] < CUTOFF]
    everybody = known.drop_duplicates("customer_id").assign(day=CUTOFF, amount=1e6)
    return pd.concat([everybody, known.sample(frac=1, random_state=1)], ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize("method", [purchases.forecasts, churn.probabilities])
def test_what_comes_on_or_after_the_cutoff_changes_no_prediction(events, method, monkeypatch):
    monkeypatch.setattr("customer_intelligence.churn.models.TREES", 3)
    found, again = (
        protocol.run(method, log, CUTOFF, DAYS)
        for log in (events, changed(events).sort_values(["customer_id", "day"]))
    )
    assert found.keys() == again.keys()
    for name, table in found.items():
        assert len(table) > 500
        assert table.notna().all(axis=None)
        pd.testing.assert_frame_equal(table, again[name], check_exact=True)
    after = [protocol.outcomes(log, CUTOFF, DAYS, table.index) for log in (events, changed(events))]
    assert (after[0]["churn"] != after[1]["churn"]).mean() > 0.4


def test_a_method_that_looks_ahead_is_caught(events, monkeypatch):
    def lately(known, cutoff, days):
        days_ago = (cutoff - known["day"]).dt.days
        return {"": known[days_ago <= days].groupby("customer_id").size().to_frame()}

    logs = [events, changed(events)]
    found, again = (protocol.run(lately, log, CUTOFF, DAYS)[""] for log in logs)
    pd.testing.assert_frame_equal(found, again)
    monkeypatch.setattr(protocol, "before", lambda log, cutoff: log)
    found, again = (protocol.run(lately, log, CUTOFF, DAYS)[""] for log in logs)
    assert not found.equals(again)


def test_scores_are_those_of_the_library():
    rng = np.random.default_rng(3)
    said = np.round(rng.uniform(0.05, 0.95, 400), 1)  # with ties
    came = (rng.random(400) < said).astype(float)
    weights = protocol.resamples(400)
    scores = protocol.probability_scores(said, came, weights)
    for row in (0, 7):
        known = {"sample_weight": weights[row]}
        assert scores["AUC"][row] == pytest.approx(roc_auc_score(came, said, **known))
        assert scores["log loss"][row] == pytest.approx(log_loss(came, said, **known))
        assert scores["Brier"][row] == pytest.approx(brier_score_loss(came, said, **known))
    # Scores that are right come near the floor, scores that are not are far above it.
    wrong = protocol.probability_scores(said**3, came, weights)
    assert scores["ECE"][0] < 2 * scores["floor"][0] < wrong["ECE"][0]
    amounts = protocol.amount_scores(said, came, weights)
    assert amounts["rank"][0] == pytest.approx(pd.Series(said).corr(pd.Series(came), "spearman"))
