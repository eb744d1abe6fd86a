with backtest as (

    select * from {{ ref("ml_churn_backtest") }}

)

select
    customer_id,
    cutoff_date,
    model,
    churn_probability,
    seasonal_cutoff_date,
    has_churned,
    is_active_90d,
    is_one_time_buyer,
    horizon_days
from backtest
