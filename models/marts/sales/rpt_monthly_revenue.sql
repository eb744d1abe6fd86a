with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

first_orders as (

    select
        customer_id,
        first_order_date
    from {{ ref("int_customers_rfm") }}

),

anonymous_orders as (

    select * from {{ ref("int_orders") }}
    where customer_id is null

),

anonymous_returns as (

    select * from {{ ref("int_invoice_amounts") }}
    where disposition in ('return_anonymous', 'refund_anonymous')

),

dates as (

    select * from {{ ref("int_dates") }}

),

months as (

    select
        cast({{ dbt.date_trunc("month", "date_day") }} as date) as month_start_date,
        not(max(is_month_end) and min(extract(day from date_day)) = 1) as is_partial
    from dates
    group by 1

),

identified as (

    select
        cast(
            {{ dbt.date_trunc("month", "customer_days.activity_date") }} as date
        ) as month_start_date,
        count(
            distinct case
                when customer_days.has_purchase then customer_days.customer_id
            end
        ) as customers,
        count(
            distinct case
                when customer_days.activity_date = first_orders.first_order_date
                    then customer_days.customer_id
            end
        ) as new_customers,
        sum(customer_days.orders) as orders,
        sum(customer_days.net_revenue) as net_revenue,
        sum(
            case
                when
                    {{ dbt.date_trunc("month", "customer_days.activity_date") }}
                    = {{ dbt.date_trunc("month", "first_orders.first_order_date") }}
                    then customer_days.net_revenue
                else 0
            end
        ) as net_revenue_new
    from customer_days
    left join first_orders on customer_days.customer_id = first_orders.customer_id
    group by 1

),

anonymous_amounts as (

    select
        order_date as activity_date,
        gross_revenue as amount
    from anonymous_orders
    union all
    select
        invoice_date as activity_date,
        amount
    from anonymous_returns

),

anonymous as (

    select
        cast({{ dbt.date_trunc("month", "activity_date") }} as date)
            as month_start_date,
        sum(amount) as net_revenue
    from anonymous_amounts
    group by 1

)

select
    months.month_start_date,
    months.is_partial,
    cast(coalesce(identified.customers, 0) as bigint) as customers,
    cast(coalesce(identified.new_customers, 0) as bigint) as new_customers,
    cast(coalesce(identified.orders, 0) as bigint) as orders,
    cast(coalesce(identified.net_revenue_new, 0) as decimal(38, 4))
        as net_revenue_new_customers,
    cast(
        coalesce(identified.net_revenue, 0) - coalesce(identified.net_revenue_new, 0)
        as decimal(38, 4)
    ) as net_revenue_returning_customers,
    cast(coalesce(anonymous.net_revenue, 0) as decimal(38, 4))
        as net_revenue_anonymous,
    cast(
        coalesce(identified.net_revenue, 0) + coalesce(anonymous.net_revenue, 0)
        as decimal(38, 4)
    ) as net_revenue
from months
left join identified on months.month_start_date = identified.month_start_date
left join anonymous on months.month_start_date = anonymous.month_start_date
