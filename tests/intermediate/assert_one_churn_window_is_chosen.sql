-- The window in use is one of the candidates, also where it is forced.
select max(chosen_horizon_days) as chosen_horizon_days
from {{ ref("int_churn_horizon") }}
having
    count(case when horizon_days = chosen_horizon_days then 1 end) <> 1
    or min(chosen_horizon_days) <> max(chosen_horizon_days)
