"""One row per past cutoff and week: the purchase days predicted until then.

Inputs: int_btyd_summary and the parameters of ml_clv_parameters; nothing is fitted here. Method:
customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Add up the expected purchase days of all customers, week by week."""
    dbt.config(materialized="table")
    return lifetime_value.track_cutoffs(
        dbt.ref("ml_clv_parameters").df(),
        dbt.ref("int_btyd_summary")
        .filter("example_set = 'test'")
        .order("cutoff_date, customer_id")
        .df(),
    )
