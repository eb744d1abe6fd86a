"""One row per test customer: what a leaky tutorial model says. For comparison only.

Input: int_churn_examples. Method: customer_intelligence.churn.leaky.
"""

from customer_intelligence import churn


def model(dbt, session):
    """Let a model find the threshold that defines its own label."""
    dbt.config(materialized="table")
    horizon = dbt.ref("int_churn_horizon").max("chosen_horizon_days")
    return churn.leaky_baseline(
        dbt.ref("int_churn_examples").filter("is_sampled and example_set = 'test'").df(),
        churn.chosen_features(
            dbt.ref("churn_features").df(), dbt.config.meta_get("churn_features")
        ),
        horizon_days=int(horizon.fetchall()[0][0]),
        random_state=int(dbt.config.meta_get("random_seed")),
    )
