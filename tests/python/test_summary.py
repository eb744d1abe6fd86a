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
