"""What a summary says in lines, from its figures alone."""

from pathlib import Path

from customer_intelligence.publication.summary import as_lines

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
