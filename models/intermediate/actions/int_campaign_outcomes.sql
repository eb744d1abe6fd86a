with as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

windows as (

    select
        assignments.*,
        {{ add_days("horizon.horizon_days - 1", "assignments.starts_on") }} as ends_on,
        as_of.as_of_date
    from {{ ref("stg_campaigns__assignments") }} as assignments
    cross join horizon
    inner join as_of on assignments.starts_on <= as_of.as_of_date

)

-- Intention to treat: customers assigned to contact count as contacted, because a
-- message that did not arrive is a part of what the campaign does.
select
    windows.campaign,
    windows.starts_on,
    windows.ends_on,
    windows.ends_on <= windows.as_of_date as is_over,
    windows.customer_id,
    windows.action,
    windows.is_holdout,
    max(case when customer_days.has_purchase then 1 else 0 end) = 1 as has_bought,
    cast(coalesce(sum(customer_days.net_revenue), 0) as decimal(18, 4)) as net_revenue
from windows
left join customer_days
    on
        windows.customer_id = customer_days.customer_id
        and windows.starts_on <= customer_days.activity_date
        and windows.ends_on >= customer_days.activity_date
group by
    windows.campaign, windows.starts_on, windows.ends_on, windows.as_of_date,
    windows.customer_id, windows.action, windows.is_holdout
