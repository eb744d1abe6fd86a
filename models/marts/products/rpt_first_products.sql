{%- set fewest_customers = 30 -%}
{%- set days = 90 -%}
with as_of as (

    select * from {{ ref("int_as_of") }}

),

-- Whose days are not over may still come back.
first_orders as (

    select
        customers.customer_id,
        customers.first_order_date
    from {{ ref("dim_customers") }} as customers
    cross join as_of
    where
        not customers.is_history_censored
        and {{ add_days(days | string, "customers.first_order_date") }}
        <= as_of.as_of_date

),

second_orders as (

    select
        customer_id,
        min(activity_date) as second_order_date
    from {{ ref("int_customer_days") }}
    where gap_days is not null
    group by customer_id

),

outcomes as (

    select
        first_orders.customer_id,
        first_orders.first_order_date,
        case
            when second_orders.second_order_date
                <= {{ add_days(days | string, "first_orders.first_order_date") }}
                then 1
            else 0
        end as has_returned
    from first_orders
    left join second_orders on first_orders.customer_id = second_orders.customer_id

),

first_purchases as (

    select
        outcomes.customer_id,
        outcomes.has_returned,
        customer_products.stock_code
    from outcomes
    inner join {{ ref("int_customer_products") }} as customer_products
        on
            outcomes.customer_id = customer_products.customer_id
            and outcomes.first_order_date = customer_products.first_kept_date

),

-- Customers with large first orders come back more often, whatever is in them.
ranges as (

    select
        customer_id,
        has_returned,
        {{ doublings("count(*)") }} as range_class
    from first_purchases
    group by customer_id, has_returned

),

range_classes as (

    select
        range_class,
        count(*) as customers,
        sum(has_returned) as returned_customers
    from ranges
    group by range_class

),

totals as (

    select
        sum(customers) as first_customers,
        sum(returned_customers) as all_returned_customers
    from range_classes

),

tested as (

    select
        first_purchases.stock_code,
        max(totals.first_customers) as first_customers,
        max(totals.all_returned_customers) as all_returned_customers,
        count(*) as customers,
        sum(first_purchases.has_returned) as returned_customers,
        cast(sum({{ as_decimal(
            "range_classes.returned_customers * 1e0 / range_classes.customers", 38, 10
        ) }}) as double) as expected_returned_customers
    from first_purchases
    inner join ranges on first_purchases.customer_id = ranges.customer_id
    inner join range_classes on ranges.range_class = range_classes.range_class
    cross join totals
    group by first_purchases.stock_code
    having count(*) >= {{ fewest_customers }}

),

compared as (

    select
        *,
        count(*) over () as products_tested,
        {{ g_statistic(
            "returned_customers", "customers", "all_returned_customers",
            "first_customers", "expected_returned_customers"
        ) }} as g_statistic
    from tested

),

judged as (

    select
        *,
        {{ chi_square_p_value("g_statistic") }} as p_value
    from compared

),

ranked as (

    select
        *,
        row_number() over (
            order by p_value asc nulls last, stock_code asc nulls last
        ) as p_value_rank
    from judged

),

controlled as (

    select
        *,
        {{ false_discovery_rate("p_value", "p_value_rank", "products_tested") }}
            as q_value
    from ranked

)

select
    controlled.stock_code,
    products.description,
    cast(controlled.customers as bigint) as customers,
    cast(controlled.returned_customers as bigint) as returned_customers,
    {{ proportion("controlled.returned_customers", "controlled.customers") }}
        as second_order_rate,
    cast(
        {{ wilson_bound("controlled.returned_customers", "controlled.customers", "-") }}
        as double
    ) as ci_low,
    cast(
        {{ wilson_bound("controlled.returned_customers", "controlled.customers", "+") }}
        as double
    ) as ci_high,
    {{ proportion("controlled.expected_returned_customers", "controlled.customers") }}
        as expected_second_order_rate,
    cast(controlled.first_customers as bigint) as first_customers,
    {{ proportion("controlled.all_returned_customers", "controlled.first_customers") }}
        as all_second_order_rate,
    cast(controlled.p_value as double) as p_value,
    cast(controlled.q_value as double) as q_value,
    controlled.q_value <= 0.05 as is_outstanding
from controlled
inner join {{ ref("dim_products") }} as products
    on controlled.stock_code = products.stock_code
