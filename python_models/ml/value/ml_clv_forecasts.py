"""One row per customer and test cutoff: every forecast of net revenue, to be judged in SQL.

Inputs: int_btyd_summary of the tests, the parameters of ml_clv_parameters and the forecasts of
ml_clv_selection; nothing is fitted here. Method: customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Forecast the holdout of every test cutoff."""
    dbt.config(materialized="table")
    summaries = dbt.ref("int_btyd_summary").filter("example_set = 'test'")
    return lifetime_value.forecast_cutoffs(
        dbt.ref("ml_clv_parameters").df(),
        dbt.ref("ml_clv_selection").df(),
        summaries.order("cutoff_date, customer_id").df(),
    )
