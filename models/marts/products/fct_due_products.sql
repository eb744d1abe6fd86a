with as_of as (

    select * from {{ ref("int_as_of") }}

),

cycles as (

    select * from {{ ref("rpt_product_cycles") }}

),

customers as (

    select customer_id from {{ ref("dim_customers") }}
    where coalesce(may_be_contacted, true)

),

-- Of those who bought it once, most never do again.
bought_again as (

    select
        customer_products.customer_id,
        customer_products.stock_code,
        customer_products.last_kept_date as last_purchase_date,
        {{ day_difference("customer_products.last_kept_date", "as_of.as_of_date") }}
            as days_since_purchase
    from {{ ref("int_customer_products") }} as customer_products
    cross join as_of
    where customer_products.first_kept_date < customer_products.last_kept_date

)

select
    customers.customer_id,
    cycles.stock_code,
    cycles.description,
    bought_again.last_purchase_date,
    bought_again.days_since_purchase,
    {{ add_days("cycles.cycle_low_days", "bought_again.last_purchase_date") }}
        as due_from_date,
    {{ add_days("cycles.cycle_high_days", "bought_again.last_purchase_date") }}
        as due_until_date
from bought_again
inner join cycles
    on
        bought_again.stock_code = cycles.stock_code
        and bought_again.days_since_purchase
        between cycles.cycle_low_days and cycles.cycle_high_days
inner join customers on bought_again.customer_id = customers.customer_id
