"""One row per customer and cutoff: expected purchase days, value and P(alive).

Inputs: int_btyd_summary and the parameters of ml_clv_parameters; nothing is fitted here. SQL judges
the predictions. Method: customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Predict every customer with the parameters of the cutoff."""
    dbt.config(materialized="table")
    return lifetime_value.predict_cutoffs(
        dbt.ref("ml_clv_parameters").df(),
        dbt.ref("int_btyd_summary").order("cutoff_date, customer_id").df(),
        margin=float(dbt.config.meta_get("clv_margin")),
        annual_discount_rate=float(dbt.config.meta_get("clv_annual_discount_rate")),
    )
