with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

as_of_dates as (

    select
        date_day as as_of_date,
        is_as_of_date as is_current
    from {{ ref("int_dates") }}
    where is_month_end or is_as_of_date

),

rfm_segments as (

    select * from {{ ref("rfm_segments") }}

),

known_days as (

    select
        customer_days.*,
        as_of_dates.as_of_date,
        as_of_dates.is_current,
        coalesce(
            {{ day_difference(
                "customer_days.activity_date", "as_of_dates.as_of_date"
            ) }}
            < {{ integer_var("rfm_window_days") }}, true
        ) as is_in_window
    from customer_days
    inner join as_of_dates on customer_days.activity_date <= as_of_dates.as_of_date

),

customers as (

    select
        as_of_date,
        is_current,
        customer_id,
        min(case when has_purchase then activity_date end) as first_order_date,
        max(case when has_purchase then activity_date end) as last_order_date,
        max(last_ordered_at) as last_ordered_at,
        count(case when has_purchase and is_in_window then 1 end) as purchase_days,
        sum(case when is_in_window then orders else 0 end) as orders,
        sum(case when is_in_window then gross_revenue else 0 end) as gross_revenue,
        sum(case when is_in_window then void_amount else 0 end) as void_amount,
        sum(case when is_in_window then returned_amount else 0 end)
            as returned_amount,
        sum(case when is_in_window then discount_amount else 0 end)
            as discount_amount,
        sum(case when is_in_window then net_revenue else 0 end) as net_revenue
    from known_days
    group by as_of_date, is_current, customer_id
    having count(case when has_purchase then 1 end) > 0

),

-- The tutorial recipe counts invoices, and days up to the day after the last sale.
measured as (

    select
        *,
        {{ rfm_frequency() }} as frequency,
        case
            when '{{ var("cleaning_policy") }}' = 'classic'
                then 1 + cast(floor({{ second_difference(
                    "last_ordered_at",
                    "max(last_ordered_at) over (partition by as_of_date)"
                ) }} / 86400e0) as integer)
            else {{ day_difference("last_order_date", "as_of_date") }}
        end as days_since_last_order
    from customers

),

scored as (

    {{ classic_quintile_scores("measured") if var("cleaning_policy") == "classic"
        else tie_safe_scores("measured") }}

),

segmented as (

    select
        scored.*,
        case
            when '{{ var("cleaning_policy") }}' = 'classic'
                then rfm_segments.classic_segment
            else rfm_segments.segment
        end as segment,
        rfm_segments.rfm_score
    from scored
    inner join rfm_segments
        on
            scored.r_score = rfm_segments.r_score
            and scored.f_score = rfm_segments.f_score
            and scored.m_score = rfm_segments.m_score

)

select
    customer_id,
    as_of_date,
    is_current,
    first_order_date,
    last_order_date,
    cast(days_since_last_order as integer) as days_since_last_order,
    cast(orders as integer) as orders,
    cast(purchase_days as integer) as purchase_days,
    cast(frequency as integer) as frequency,
    cast(gross_revenue as decimal(38, 4)) as gross_revenue,
    cast(void_amount as decimal(38, 4)) as void_amount,
    cast(returned_amount as decimal(38, 4)) as returned_amount,
    cast(discount_amount as decimal(38, 4)) as discount_amount,
    cast(net_revenue as decimal(38, 4)) as net_revenue,
    cast(r_score as integer) as r_score,
    cast(f_score as integer) as f_score,
    cast(m_score as integer) as m_score,
    cast(rfm_score as string) as rfm_score,
    segment
from segmented
