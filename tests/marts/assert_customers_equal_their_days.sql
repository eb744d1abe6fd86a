{{ config(enabled=var("rfm_window_days") is none) }}
-- The customers of dim_customers, and those without a standing purchase, hold together
-- every penny of all customer days; segments, cohorts and the last point of the
-- concentration curve hold what dim_customers holds.
with customers as (

    select * from {{ ref("dim_customers") }}

),

days as (

    select
        customer_days.customer_id,
        sum(customer_days.gross_revenue) as gross_revenue,
        sum(customer_days.net_revenue) as net_revenue,
        max(customer_days.has_purchase) as has_purchase
    from {{ ref("int_customer_days") }} as customer_days
    group by customer_days.customer_id

),

differing_customers as (

    select coalesce(customers.customer_id, days.customer_id) as customer_id
    from customers
    full outer join days on customers.customer_id = days.customer_id
    where
        case
            when days.has_purchase
                then
                    customers.net_revenue is distinct from days.net_revenue
                    or customers.gross_revenue is distinct from days.gross_revenue
                    or customers.net_revenue is distinct from (
                        customers.gross_revenue
                        - customers.returned_amount
                        - customers.discount_amount
                    )
            else customers.customer_id is not null
        end

),

totals as (

    select
        count(*) as customers,
        coalesce(sum(net_revenue), 0) as net_revenue
    from customers

),

segments as (

    select
        coalesce(sum(customers), 0) as customers,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref("rpt_segments") }}

),

concentration as (

    select
        coalesce(max(customers), 0) as customers,
        coalesce(max(case when top_percent = 100 then net_revenue end), 0)
            as net_revenue
    from {{ ref("rpt_revenue_concentration") }}

),

cohorts as (

    select
        cohort_month,
        max(activity_month) as last_month
    from {{ ref("rpt_cohort_retention") }}
    where active_customers is not null
    group by cohort_month

),

cohort_totals as (

    select
        coalesce(sum(retention.customers), 0) as customers,
        coalesce(sum(retention.cumulative_net_revenue), 0) as net_revenue
    from cohorts
    inner join {{ ref("rpt_cohort_retention") }} as retention
        on
            cohorts.cohort_month = retention.cohort_month
            and cohorts.last_month = retention.activity_month

)

select customer_id from differing_customers
union all
select 'the cohorts do not add up' as customer_id
from totals
cross join cohort_totals
where
    totals.customers <> cohort_totals.customers
    or totals.net_revenue <> cohort_totals.net_revenue
union all
select 'the segments do not add up' as customer_id
from totals
cross join segments
where
    totals.customers <> segments.customers
    or totals.net_revenue <> segments.net_revenue
union all
select 'the concentration curve does not add up' as customer_id
from totals
cross join concentration
where
    totals.customers <> concentration.customers
    or totals.net_revenue <> concentration.net_revenue
