with orders as (

    select * from {{ ref("int_orders") }}

)

select
    cast(order_id as string) as order_id,
    cast(customer_id as string) as customer_id,
    cast(country as string) as country,
    ordered_at,
    order_date,
    lines,
    units,
    gross_revenue,
    returned_amount,
    cast(gross_revenue - returned_amount as decimal(38, 4)) as net_revenue,
    void_amount,
    is_void
from orders
