"""One row per cutoff, target, horizon and forecast: which forecast is used, and why.

Inputs: int_btyd_summary (the sampled customers) and the fits of ml_clv_parameters. A cutoff is
served only by cutoffs whose windows are over before it. Method:
customer_intelligence.lifetime_value.
"""

from customer_intelligence import lifetime_value


def model(dbt, session):
    """Choose, scale and calibrate the forecasts of the present and of the tests."""
    dbt.config(materialized="table")
    summaries = dbt.ref("int_btyd_summary").filter("is_sampled")
    selected = lifetime_value.select_cutoffs(
        dbt.ref("ml_clv_parameters").df(),
        summaries.order("cutoff_date, customer_id").df(),
    )
    print(lifetime_value.describe_selection(selected), flush=True)
    return selected
