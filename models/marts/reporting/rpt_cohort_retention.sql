with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

customers as (

    select * from {{ ref("dim_customers") }}

),

months as (

    select
        month_start_date,
        is_partial
    from {{ ref("rpt_monthly_revenue") }}

),

cohorts as (

    select
        cast({{ dbt.date_trunc("month", "first_order_date") }} as date) as cohort_month,
        count(*) as customers,
        max(is_history_censored) as is_history_censored
    from customers
    group by 1

),

activity as (

    select
        cast(
            {{ dbt.date_trunc("month", "customers.first_order_date") }} as date
        ) as cohort_month,
        cast(
            {{ dbt.date_trunc("month", "customer_days.activity_date") }} as date
        ) as activity_month,
        count(
            distinct case when customer_days.has_purchase then customers.customer_id end
        ) as active_customers,
        sum(customer_days.orders) as orders,
        sum(customer_days.net_revenue) as net_revenue
    from customer_days
    inner join customers on customer_days.customer_id = customers.customer_id
    group by 1, 2

),

grid as (

    select
        cohorts.*,
        months.month_start_date as activity_month,
        months.is_partial,
        12 * (
            extract(year from months.month_start_date)
            - extract(year from cohorts.cohort_month)
        ) + extract(month from months.month_start_date)
        - extract(month from cohorts.cohort_month) as months_since_first_order
    from cohorts
    inner join months on cohorts.cohort_month <= months.month_start_date

)

select
    grid.cohort_month,
    cast(grid.months_since_first_order as integer) as months_since_first_order,
    grid.activity_month,
    cast(grid.customers as bigint) as customers,
    cast(coalesce(activity.active_customers, 0) as bigint) as active_customers,
    cast(
        coalesce(activity.active_customers, 0) * 1.0 / grid.customers as double
    ) as retention_rate,
    cast(coalesce(activity.orders, 0) as bigint) as orders,
    cast(
        sum(coalesce(activity.net_revenue, 0)) over (
            partition by grid.cohort_month
            order by grid.activity_month
            rows between unbounded preceding and current row
        ) / grid.customers as decimal(18, 4)
    ) as cumulative_net_revenue_per_customer,
    grid.is_partial as is_partial_month,
    grid.is_history_censored
from grid
left join activity
    on
        grid.cohort_month = activity.cohort_month
        and grid.activity_month = activity.activity_month
