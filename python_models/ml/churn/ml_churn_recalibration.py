"""One row per model, cutoff and population: the line that would have calibrated the scores.

Input: ml_churn_backtest_ranked. Method: customer_intelligence.churn.recalibration.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Regress what customers did on the logit of what was predicted."""
    dbt.config(materialized="table")
    columns = "model, cutoff_date, population, churn_probability, has_churned"
    return churn.recalibrate(dbt.ref("ml_churn_backtest_ranked").project(columns).df())
