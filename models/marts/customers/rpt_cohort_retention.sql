with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

customers as (

    select * from {{ ref("int_customers_rfm") }}

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

-- What was returned before the first order counts in the first month.
activity as (

    select
        cast(
            {{ dbt.date_trunc("month", "customers.first_order_date") }} as date
        ) as cohort_month,
        cast(
            {{ dbt.date_trunc(
                "month",
                "greatest(customer_days.activity_date, customers.first_order_date)"
            ) }} as date
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

first_cohort as (

    select min(cohort_month) as cohort_month from cohorts

),

-- As many months as the data has for its first cohort.
months_since as (

    select
        12 * (
            extract(year from months.month_start_date)
            - extract(year from first_cohort.cohort_month)
        ) + extract(month from months.month_start_date)
        - extract(month from first_cohort.cohort_month) as months_since_first_order
    from first_cohort
    inner join months on first_cohort.cohort_month <= months.month_start_date

),

grid as (

    select
        cohorts.*,
        months_since.months_since_first_order,
        {{ add_months(
            "months_since.months_since_first_order", "cohorts.cohort_month"
        ) }} as activity_month
    from cohorts
    cross join months_since

),

cumulated as (

    select
        grid.*,
        months.is_partial,
        months.month_start_date is not null as has_data,
        coalesce(activity.active_customers, 0) as active_customers,
        coalesce(activity.orders, 0) as orders,
        sum(coalesce(activity.net_revenue, 0)) over (
            partition by grid.cohort_month
            order by grid.activity_month nulls last
            rows between unbounded preceding and current row
        ) as cumulative_net_revenue
    from grid
    left join months on grid.activity_month = months.month_start_date
    left join activity
        on
            grid.cohort_month = activity.cohort_month
            and grid.activity_month = activity.activity_month

),

-- Nobody knows yet who will come back: null, where 0 would say that nobody did.
observed as (

    select
        cohort_month,
        months_since_first_order,
        activity_month,
        customers,
        is_partial,
        is_history_censored,
        case when has_data then active_customers end as active_customers,
        case when has_data then orders end as orders,
        case when has_data then cumulative_net_revenue end as cumulative_net_revenue
    from cumulated

)

select
    cohort_month,
    cast(months_since_first_order as integer) as months_since_first_order,
    activity_month,
    cast(customers as bigint) as customers,
    cast(active_customers as bigint) as active_customers,
    {{ proportion("active_customers", "customers") }} as retention_rate,
    cast(orders as bigint) as orders,
    cast(cumulative_net_revenue as decimal(38, 4)) as cumulative_net_revenue,
    {{ as_decimal("cumulative_net_revenue * 1e0 / customers") }}
        as cumulative_net_revenue_per_customer,
    is_partial as is_partial_month,
    is_history_censored
from observed
