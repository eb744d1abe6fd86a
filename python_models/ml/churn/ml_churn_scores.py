"""One row per current customer: the probability of churn by the model that was chosen.

Input: the current customers of int_churn_examples, and ml_churn_parameters. Method:
customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Score the current customers by the parameters of the chosen model."""
    dbt.config(materialized="table")
    current = dbt.ref("int_churn_examples").filter("example_set = 'current'")
    return churn.score(dbt.ref("ml_churn_parameters").df(), current.df())
