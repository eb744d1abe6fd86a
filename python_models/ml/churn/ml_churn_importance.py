"""One row per feature group and repeat: the ROC AUC when the group is permuted.

Input: the test customers of int_churn_examples, and ml_churn_parameters. Method:
customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Permute each group of features among the test customers."""
    dbt.config(materialized="table")
    features = dbt.ref("churn_features").df()
    return churn.permutation_importance(
        dbt.ref("int_churn_examples").filter("is_sampled and example_set = 'test'").df(),
        churn.feature_groups(
            features, churn.chosen_features(features, dbt.config.meta_get("churn_features"))
        ),
        dbt.ref("ml_churn_parameters").df(),
        random_state=int(dbt.config.meta_get("random_seed")),
    )
