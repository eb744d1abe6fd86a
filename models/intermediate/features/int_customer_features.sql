with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

cutoffs as (

    select cutoff_date from {{ ref("int_churn_cutoffs") }}

),

-- Strictly before the cutoff: whatever happens on the day itself belongs to the label.
known_days as (

    select
        customer_days.*,
        cutoffs.cutoff_date,
        {{ day_difference("customer_days.activity_date", "cutoffs.cutoff_date") }}
            as days_ago
    from customer_days
    inner join cutoffs on customer_days.activity_date < cutoffs.cutoff_date

),

totals as (

    select
        customer_id,
        cutoff_date,
        min(case when has_purchase then days_ago end) as days_since_last_order,
        max(case when has_purchase then days_ago end) as tenure_days,
        count(case when has_purchase then 1 end) as orders,
        count(case when has_purchase and days_ago <= 30 then 1 end) as orders_30d,
        count(case when has_purchase and days_ago <= 90 then 1 end) as orders_90d,
        count(
            case when has_purchase and days_ago between 91 and 180 then 1 end
        ) as orders_91_to_180d,
        sum(net_revenue) as net_revenue,
        sum(case when days_ago <= 90 then net_revenue else 0 end) as net_revenue_90d,
        sum(gross_revenue - void_amount) as kept_gross_revenue,
        sum(returned_amount - void_amount) as returned_amount,
        sum(lines) as lines,
        sum(units) as units
    from known_days
    group by customer_id, cutoff_date
    having count(case when has_purchase then 1 end) > 0

)

select
    customer_id,
    cutoff_date,
    days_since_last_order,
    cast(orders as integer) as orders,
    cast(net_revenue as double) as net_revenue,
    tenure_days,
    cast(
        (tenure_days - days_since_last_order) * 1.0 / nullif(orders - 1, 0) as double
    ) as mean_gap_days,
    cast(
        days_since_last_order * 1.0 * nullif(orders - 1, 0)
        / nullif(tenure_days - days_since_last_order, 0) as double
    ) as silence_over_mean_gap,
    cast(orders_30d as integer) as orders_30d,
    cast(orders_90d as integer) as orders_90d,
    cast(orders_90d - orders_91_to_180d as integer) as orders_trend,
    cast(net_revenue_90d as double) as net_revenue_90d,
    cast(net_revenue / orders as double) as average_order_value,
    cast(lines * 1.0 / orders as double) as lines_per_order,
    cast(units * 1.0 / nullif(lines, 0) as double) as units_per_line,
    coalesce(
        cast(
            returned_amount * 1.0 / nullif(kept_gross_revenue, 0) as double
        ), 0
    ) as return_rate
from totals
