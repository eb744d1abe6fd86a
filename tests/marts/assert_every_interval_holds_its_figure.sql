-- A figure outside its own interval means that the resamples are not of its customers.
select *
from {{ ref("rpt_churn_metrics") }}
where value < ci_low or value > ci_high
