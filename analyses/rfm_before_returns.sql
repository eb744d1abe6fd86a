-- What would RFM say if returns and void orders were not taken off? One row per
-- customer, as of the as-of date and 90 days before it, with what happened then.
--
-- Run: dbt show --select rfm_before_returns --output json --limit 20
--
-- How to read it: compare with int_customer_snapshots, which nets them. The share of
-- has_repurchased by segment, 90 days before the as-of date, says whether the segments
-- would have told then who buys again.
with orders as (

    select * from {{ ref("int_orders") }}
    where customer_id is not null

),

as_of_dates as (

    select
        as_of_date,
        as_of_date as last_known_date
    from {{ ref("int_as_of") }}
    union all
    select
        {{ add_days("-90", "as_of_date") }} as as_of_date,
        {{ add_days("-91", "as_of_date") }} as last_known_date
    from {{ ref("int_as_of") }}

),

measured as (

    select
        as_of_dates.as_of_date,
        orders.customer_id,
        {{ day_difference("max(orders.order_date)", "as_of_dates.as_of_date") }}
            as days_since_last_order,
        count(distinct orders.order_date) as frequency,
        sum(orders.gross_revenue) as net_revenue
    from as_of_dates
    inner join orders on as_of_dates.last_known_date >= orders.order_date
    group by as_of_dates.as_of_date, orders.customer_id

),

scored as (

    {{ tie_safe_scores("measured") }}

),

repurchases as (

    select distinct
        as_of_dates.as_of_date,
        orders.customer_id
    from as_of_dates
    inner join orders
        on
            as_of_dates.last_known_date < orders.order_date
            and orders.order_date < {{ add_days("90", "as_of_dates.as_of_date") }}

)

select
    scored.*,
    rfm_segments.segment,
    repurchases.customer_id is not null as has_repurchased
from scored
inner join {{ ref("rfm_segments") }} as rfm_segments
    on
        scored.r_score = rfm_segments.r_score
        and scored.f_score = rfm_segments.f_score
        and scored.m_score = rfm_segments.m_score
left join repurchases
    on
        scored.as_of_date = repurchases.as_of_date
        and scored.customer_id = repurchases.customer_id
