"""One row per feature group and repeat: the ROC AUC when the group is permuted.

Input: int_churn_examples and the model that ml_churn_model_selection chose, fitted on the training
cutoffs. Method: customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Permute each group of features among the test customers."""
    dbt.config(materialized="table")
    chosen = dbt.ref("ml_churn_model_selection").filter("is_chosen").fetchall()
    features = dbt.ref("churn_features").df()
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    return churn.permutation_importance(
        dbt.ref("int_churn_examples").filter("is_sampled and example_set <> 'current'").df(),
        churn.feature_groups(
            features, churn.chosen_features(features, dbt.config.meta_get("churn_features"))
        ),
        chosen[0][0] if chosen else None,
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
    )
