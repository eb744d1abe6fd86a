{#- What bounds the cost: pairs grow with the square of what a customer buys. -#}
{%- set most_customers = 20000 -%}
with customer_products as (

    select * from {{ ref("int_customer_products") }}
    where first_kept_date is not null

),

-- The last complete window, the test window of the churn models, too.
later_period as (

    select cutoff_date as later_period_start_date
    from {{ ref("int_churn_cutoffs") }}
    where example_set = 'test'

),

sampled_customers as (

    {{ draw_customers("customer_products", most_customers) }}

),

purchases as (

    select
        customer_products.customer_id,
        customer_products.stock_code,
        periods.is_later,
        later_period.later_period_start_date
    from customer_products
    inner join sampled_customers
        on customer_products.customer_id = sampled_customers.customer_id
    cross join later_period
    cross join (values (false), (true)) as periods (is_later)
    where
        case
            when periods.is_later
                then
                    customer_products.last_kept_date
                    >= later_period.later_period_start_date
            else
                customer_products.first_kept_date < later_period.later_period_start_date
        end

),

-- Customers who buy many products buy any two of them, so customers are compared with
-- those who bought about as many.
ranges as (

    select
        is_later,
        customer_id,
        {{ doublings("count(*)") }} as range_class
    from purchases
    group by is_later, customer_id

)

select
    purchases.customer_id,
    purchases.stock_code,
    purchases.is_later,
    purchases.later_period_start_date,
    ranges.range_class
from purchases
inner join ranges
    on
        purchases.is_later = ranges.is_later
        and purchases.customer_id = ranges.customer_id
