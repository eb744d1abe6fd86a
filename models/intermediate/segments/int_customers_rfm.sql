with snapshots as (

    select * from {{ ref("int_customer_snapshots") }}
    where is_current

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

)

-- So soon after the first day of the data a first order may be none.
select
    snapshots.*,
    snapshots.first_order_date
    < {{ add_days("horizon.horizon_days", "as_of.first_invoice_date") }}
        as is_history_censored
from snapshots
cross join as_of
cross join horizon
