"""One row per customer, cutoff and model: the predicted probability of churn.

Input: int_churn_examples. Test rows come from models that know the training cutoffs only,
current rows from the same models refitted on everything labelled. SQL judges them.
Method: customer_intelligence.churn.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Fit every model on the training cutoffs and predict the later ones."""
    dbt.config(materialized="table")
    examples = dbt.ref("int_churn_examples").order("cutoff_date, customer_id").df()
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    predictions = churn.fit_predict(
        examples,
        churn.chosen_features(
            dbt.ref("churn_features").df(), dbt.config.meta_get("churn_features")
        ),
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
        min_customers=int(dbt.config.meta_get("churn_min_customers")),
    )
    print(churn.describe_fit(examples, predictions), flush=True)
    return predictions
