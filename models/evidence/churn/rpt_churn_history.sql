with history as (

    select * from {{ ref("ml_churn_history") }}

)

select
    cutoff_date,
    population,
    example_set,
    model,
    horizon_days,
    customers,
    mean_churn_probability,
    churn_rate,
    excess_probability,
    excess_probability_low,
    excess_probability_high,
    roc_auc,
    roc_auc_low,
    roc_auc_high,
    brier_score,
    brier_score_low,
    brier_score_high
from history
