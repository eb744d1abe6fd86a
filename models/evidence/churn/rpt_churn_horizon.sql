with horizon as (

    select * from {{ ref("int_churn_horizon") }}

)

select
    horizon_days,
    last_training_cutoff,
    observed_gaps,
    cast(gap_p80_days as integer) as gap_p80_days,
    cast(gap_p85_days as integer) as gap_p85_days,
    cast(gap_p90_days as integer) as gap_p90_days,
    cast(km_p80_days as integer) as km_p80_days,
    is_covering,
    horizon_days = chosen_horizon_days as is_chosen,
    cast(chosen_by as string) as chosen_by
from horizon
