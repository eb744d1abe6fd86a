"""One row per cutoff, model and parameter: the fits behind lifetime value.

Input: int_btyd_summary, the sampled customers. Method and gate:
customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Fit purchases and order values at the present and at days of the past."""
    dbt.config(materialized="table")
    summaries = dbt.ref("int_btyd_summary").filter("is_sampled")
    parameters = lifetime_value.fit_cutoffs(
        summaries.order("cutoff_date, customer_id").df(),
        dropout_model=dbt.config.meta_get("clv_dropout_model"),
        min_customers=int(dbt.config.meta_get("clv_min_customers")),
        min_repeat_customers=int(dbt.config.meta_get("clv_min_repeat_customers")),
    )
    print(lifetime_value.describe_fits(parameters), flush=True)
    return parameters
