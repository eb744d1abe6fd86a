"""One row per customer: expected purchase days, value, P(alive) and the next order.

Inputs: int_btyd_summary of today, the parameters of ml_clv_parameters and the forecasts of
ml_clv_selection; nothing is fitted here. Method: customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Predict every customer of today."""
    dbt.config(materialized="table")
    summaries = dbt.ref("int_btyd_summary").filter("example_set = 'current'")
    return lifetime_value.predict_cutoffs(
        dbt.ref("ml_clv_parameters").df(),
        dbt.ref("ml_clv_selection").df(),
        summaries.order("cutoff_date, customer_id").df(),
        margin=float(dbt.config.meta_get("clv_margin")),
        annual_discount_rate=float(dbt.config.meta_get("clv_annual_discount_rate")),
    )
