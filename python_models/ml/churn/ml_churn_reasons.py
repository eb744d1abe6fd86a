"""Up to three rows per customer: why the churn score is above or below a typical customer's.

Input: int_churn_examples and the model that ml_churn_model_selection chose, fitted on everything
labelled. Method: customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Put the features of each group back to typical values and see how the score moves."""
    dbt.config(materialized="table")
    chosen = dbt.ref("ml_churn_model_selection").filter("is_chosen").fetchall()
    features = dbt.ref("churn_features").df()
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    return churn.reasons(
        dbt.ref("int_churn_examples")
        .filter("is_sampled or example_set = 'current'")
        .order("cutoff_date, customer_id")
        .df(),
        churn.feature_groups(
            features, churn.chosen_features(features, dbt.config.meta_get("churn_features"))
        ),
        chosen[0][0] if chosen else None,
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
    )
