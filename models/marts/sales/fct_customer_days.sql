with customer_days as (

    select * from {{ ref("int_customer_days") }}

)

select
    cast(customer_id as string) as customer_id,
    activity_date,
    orders,
    units,
    gross_revenue,
    returned_amount,
    discount_amount,
    net_revenue,
    has_purchase
from customer_days
