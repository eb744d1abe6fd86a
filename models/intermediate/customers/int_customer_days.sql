{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['customer_id']) }}",
) }}
with orders as (

    select * from {{ ref("int_orders") }}
    where customer_id is not null and {{ of_changed(["customer_id"]) }}

),

matched_returns as (

    select * from {{ ref("int_returns_matched") }}
    where {{ of_changed(["customer_id"]) }}

),

discounts as (

    select * from {{ ref("int_invoice_amounts") }}
    where
        is_discount
        and customer_id is not null
        and {{ of_changed(["customer_id"]) }}

),

order_days as (

    select
        customer_id,
        order_date as activity_date,
        max(ordered_at) as last_ordered_at,
        count(case when not is_void then 1 end) as orders,
        sum(lines - void_lines) as lines,
        sum(units - void_units) as units,
        sum(gross_revenue) as gross_revenue,
        sum(void_amount) as void_amount
    from orders
    group by customer_id, order_date

),

-- A return counts on its own day, so that the past never changes afterwards.
return_days as (

    select
        customer_id,
        return_date as activity_date,
        sum(returned_amount) as returned_amount
    from matched_returns
    group by customer_id, return_date

),

discount_days as (

    select
        customer_id,
        invoice_date as activity_date,
        -sum(amount) as discount_amount
    from discounts
    group by customer_id, invoice_date

),

-- Products bought for the first time, returned or not.
new_product_days as (

    select
        customer_id,
        first_purchase_date as activity_date,
        count(*) as new_products
    from {{ ref("int_customer_products") }}
    where {{ of_changed(["customer_id"]) }}
    group by customer_id, first_purchase_date

),

-- The gap to the previous purchase looks back only, so that the past never changes.
purchase_gaps as (

    select
        customer_id,
        activity_date,
        {{ day_difference(
            "lag(activity_date) over ("
            ~ "partition by customer_id order by activity_date nulls last)",
            "activity_date"
        ) }} as gap_days
    from order_days
    where orders > 0

),

customer_days as (

    select
        customer_id,
        activity_date
    from order_days
    union distinct
    select
        customer_id,
        activity_date
    from return_days
    union distinct
    select
        customer_id,
        activity_date
    from discount_days

)

select
    customer_days.customer_id,
    customer_days.activity_date,
    order_days.last_ordered_at,
    cast(coalesce(order_days.orders, 0) as integer) as orders,
    cast(coalesce(order_days.lines, 0) as integer) as lines,
    cast(coalesce(order_days.units, 0) as decimal(38, 4)) as units,
    cast(coalesce(new_product_days.new_products, 0) as integer) as new_products,
    cast(purchase_gaps.gap_days as integer) as gap_days,
    cast(coalesce(order_days.gross_revenue, 0) as decimal(38, 4)) as gross_revenue,
    cast(coalesce(order_days.void_amount, 0) as decimal(38, 4)) as void_amount,
    cast(coalesce(return_days.returned_amount, 0) as decimal(38, 4))
        as returned_amount,
    cast(coalesce(discount_days.discount_amount, 0) as decimal(38, 4))
        as discount_amount,
    cast(
        coalesce(order_days.gross_revenue, 0)
        - coalesce(return_days.returned_amount, 0)
        - coalesce(discount_days.discount_amount, 0) as decimal(38, 4)
    ) as net_revenue,
    coalesce(order_days.orders, 0) > 0 as has_purchase
from customer_days
left join order_days
    on
        customer_days.customer_id = order_days.customer_id
        and customer_days.activity_date = order_days.activity_date
left join return_days
    on
        customer_days.customer_id = return_days.customer_id
        and customer_days.activity_date = return_days.activity_date
left join discount_days
    on
        customer_days.customer_id = discount_days.customer_id
        and customer_days.activity_date = discount_days.activity_date
left join new_product_days
    on
        customer_days.customer_id = new_product_days.customer_id
        and customer_days.activity_date = new_product_days.activity_date
left join purchase_gaps
    on
        customer_days.customer_id = purchase_gaps.customer_id
        and customer_days.activity_date = purchase_gaps.activity_date
