with assignments as (

    select * from {{ raw_table("campaigns", "campaign_assignments") }}

)

select
    ---------- ids
    campaign,
    customer_id,

    ---------- texts
    action,

    ---------- booleans
    is_holdout,

    ---------- dates
    starts_on
from assignments
