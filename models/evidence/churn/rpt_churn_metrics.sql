with metrics as (

    select * from {{ ref("ml_churn_metrics") }}

)

select
    model,
    cutoff_date,
    population,
    metric,
    value,
    ci_low,
    ci_high
from metrics
