"""One row for the test customers and one for the current ones: the model that scores them.

Input: int_churn_examples, the model that ml_churn_model_selection chose, and its judged
predictions, which calibrate it. Method: customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Fit the chosen model on what is known at either cutoff, and write down what it learned."""
    dbt.config(materialized="table")
    chosen = dbt.ref("ml_churn_model_selection").filter("is_chosen").project("model")
    predictions = dbt.ref("ml_churn_predictions").join(chosen, "model")
    names = chosen.fetchall()
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    examples = dbt.ref("int_churn_examples").filter("is_sampled")
    return churn.fit_scorers(
        examples.order("cutoff_date, customer_id").df(),
        churn.chosen_features(
            dbt.ref("churn_features").df(), dbt.config.meta_get("churn_features")
        ),
        names[0][0] if names else None,
        predictions.order("cutoff_date, customer_id").df(),
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
        max_train_cutoffs=int(dbt.config.meta_get("churn_training_cutoffs")),
    )
