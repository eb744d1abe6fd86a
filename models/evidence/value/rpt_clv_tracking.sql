with tracking as (

    select * from {{ ref("ml_clv_tracking") }}
    where predicted_purchase_days is not null

),

known_customers as (

    select
        customer_id,
        cutoff_date
    from {{ ref("int_btyd_summary") }}
    where example_set = 'test'

),

purchase_days as (

    select
        customer_id,
        activity_date
    from {{ ref("int_customer_days") }}
    where has_purchase

),

-- Week 1 begins on the cutoff.
purchase_days_by_week as (

    select
        known_customers.cutoff_date,
        floor(
            {{ day_difference(
                "known_customers.cutoff_date", "purchase_days.activity_date"
            ) }} / 7e0
        ) + 1 as week,
        count(*) as purchase_days
    from known_customers
    inner join purchase_days
        on
            known_customers.customer_id = purchase_days.customer_id
            and known_customers.cutoff_date <= purchase_days.activity_date
    group by 1, 2

),

joined as (

    select
        cast(tracking.cutoff_date as date) as cutoff_date,
        tracking.week,
        tracking.predicted_purchase_days,
        coalesce(purchase_days_by_week.purchase_days, 0) as purchase_days
    from tracking
    left join purchase_days_by_week
        on
            cast(tracking.cutoff_date as date) = purchase_days_by_week.cutoff_date
            and tracking.week = purchase_days_by_week.week

)

select
    cutoff_date,
    cast(week as integer) as week,
    {{ round_to("predicted_purchase_days", 4) }} as predicted_purchase_days,
    cast(
        sum(purchase_days) over (
            partition by cutoff_date
            order by week nulls last
            rows between unbounded preceding and current row
        ) as bigint
    ) as actual_purchase_days
from joined
