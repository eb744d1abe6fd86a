"""Up to three rows per customer: why the churn score is above or below a typical customer's.

Input: the current customers of int_churn_examples, and ml_churn_parameters. Method:
customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Put the features of each group back to typical values and see how the score moves."""
    dbt.config(materialized="table")
    features = dbt.ref("churn_features").df()
    return churn.reasons(
        dbt.ref("int_churn_examples").filter("example_set = 'current'").df(),
        churn.feature_groups(
            features, churn.chosen_features(features, dbt.config.meta_get("churn_features"))
        ),
        dbt.ref("ml_churn_parameters").df(),
    )
