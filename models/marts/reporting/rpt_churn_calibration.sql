with gains as (

    select * from {{ ref("rpt_churn_gains") }}

)

-- The deciles of the gains table are the ten equal-count bins, counted from below.
select
    model,
    cutoff_date,
    population,
    cast(11 - score_decile as integer) as probability_bin,
    customers,
    mean_churn_probability,
    churn_rate,
    churn_rate - mean_churn_probability as calibration_error
from gains
