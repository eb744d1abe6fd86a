"""One row per customer, cutoff, set and model: the predicted probability of churn, to be judged.

Input: int_churn_examples. Every cutoff is predicted by models that know the cutoffs before it only.
SQL judges them. Method: customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Fit every model on what was known before each cutoff and predict what came after."""
    dbt.config(materialized="table")
    examples = dbt.ref("int_churn_examples").filter("is_sampled and example_set <> 'current'")
    examples = examples.order("cutoff_date, customer_id").df()
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    predictions = churn.fit_predict(
        examples,
        churn.chosen_features(
            dbt.ref("churn_features").df(), dbt.config.meta_get("churn_features")
        ),
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
        min_customers=int(dbt.config.meta_get("churn_min_customers")),
        max_train_cutoffs=int(dbt.config.meta_get("churn_training_cutoffs")),
    )
    print(churn.describe_fit(examples, predictions), flush=True)
    return predictions
