with statuses as (

    select * from {{ ref("ml_churn_status") }}
    union all
    select * from {{ ref("int_segment_status") }}
    union all
    select * from {{ ref("ml_cluster_status") }}
    union all
    select * from {{ ref("ml_clv_status") }}

)

select
    model,
    model_status,
    customers,
    explanation
from statuses
