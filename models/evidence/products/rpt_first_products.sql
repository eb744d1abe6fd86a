{%- set fewest_customers = 30 -%}
with customers as (

    select * from {{ ref("dim_customers") }}
    where not is_history_censored

),

sale_lines as (

    select * from {{ ref("int_standing_sale_lines") }}

),

-- Whose 90 days are not over may still come back.
first_orders as (

    select
        customers.customer_id,
        customers.first_order_date
    from customers
    cross join {{ ref("int_as_of") }} as as_of
    where
        {{ add_days("90", "customers.first_order_date") }} <= as_of.as_of_date

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
                <= {{ add_days("90", "first_orders.first_order_date") }}
                then 1
            else 0
        end as has_returned
    from first_orders
    left join second_orders on first_orders.customer_id = second_orders.customer_id

),

first_purchases as (

    select distinct
        outcomes.customer_id,
        outcomes.has_returned,
        sale_lines.stock_code
    from outcomes
    inner join sale_lines
        on
            outcomes.customer_id = sale_lines.customer_id
            and outcomes.first_order_date = sale_lines.invoice_date

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
        sum(customers) as all_customers,
        sum(returned_customers) as all_returned_customers
    from range_classes

),

tested as (

    select
        first_purchases.stock_code,
        totals.all_customers,
        totals.all_returned_customers,
        count(*) as customers,
        sum(first_purchases.has_returned) as returned_customers,
        cast(sum(cast(
            range_classes.returned_customers * 1.0 / range_classes.customers
            as decimal(38, 10)
        )) as double) as expected_returned_customers
    from first_purchases
    inner join ranges on first_purchases.customer_id = ranges.customer_id
    inner join range_classes on ranges.range_class = range_classes.range_class
    cross join totals
    group by
        first_purchases.stock_code, totals.all_customers, totals.all_returned_customers
    having count(*) >= {{ fewest_customers }}

),

compared as (

    select
        *,
        count(*) over () as products_tested,
        {{ g_statistic(
            "returned_customers", "customers", "all_returned_customers",
            "all_customers", "expected_returned_customers"
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
        row_number() over (order by p_value, stock_code) as p_value_rank
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
    {{ proportion(
        "controlled.all_returned_customers - controlled.returned_customers",
        "(controlled.all_customers - controlled.customers)"
    ) }} as other_second_order_rate,
    cast(
        controlled.returned_customers * 1.0 / controlled.customers
        - (controlled.all_returned_customers - controlled.returned_customers) * 1.0
        / nullif(controlled.all_customers - controlled.customers, 0) as double
    ) as rate_difference,
    {{ proportion(
        "controlled.expected_returned_customers", "controlled.customers"
    ) }} as expected_second_order_rate,
    cast(controlled.p_value as double) as p_value,
    cast(controlled.q_value as double) as q_value,
    controlled.q_value <= 0.05 as is_outstanding
from controlled
inner join {{ ref("dim_products") }} as products
    on controlled.stock_code = products.stock_code
