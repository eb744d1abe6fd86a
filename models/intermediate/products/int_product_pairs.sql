{#- What bounds the cost: the products that most customers buy. -#}
{%- set most_products = 1000 -%}
{%- set fewest_customers = 20 -%}
{#- Classes of range: 1 product, 2 or 3, 4 to 7 … 8,192 and more. -#}
{%- set classes = 14 -%}
with purchases as (

    select
        customer_id,
        stock_code,
        is_later,
        later_period_start_date,
        least(range_class, {{ classes - 1 }}) as range_class
    from {{ ref("int_product_purchases") }}

),

range_classes as (

    select
        is_later,
        range_class,
        count(distinct customer_id) as customers
    from purchases
    group by is_later, range_class

),

totals as (

    select
        coalesce(sum(case when not is_later then customers end), 0) as customers,
        coalesce(sum(case when is_later then customers end), 0) as later_customers
    from range_classes

),

product_customers as (

    select
        stock_code,
        count(case when not is_later then 1 end) as customers,
        count(case when is_later then 1 end) as later_customers
    from purchases
    group by stock_code

),

common_products as (

    select
        product_customers.*,
        totals.customers as all_customers,
        totals.later_customers as all_later_customers,
        row_number() over (
            order by
                product_customers.customers desc,
                product_customers.stock_code asc nulls last
        ) as product_number
    from product_customers
    cross join totals
    where
        product_customers.customers >= {{ fewest_customers }}
        and product_customers.customers >= 0.01 * totals.customers

),

tested_products as (

    select
        *,
        count(*) over () as products
    from common_products
    where product_number <= {{ most_products }}

),

tested_purchases as (

    select
        purchases.is_later,
        purchases.later_period_start_date,
        purchases.customer_id,
        purchases.range_class,
        tested_products.product_number
    from purchases
    inner join tested_products on purchases.stock_code = tested_products.stock_code

),

pairs as (

    select
        purchases.product_number,
        other_purchases.product_number as other_product_number,
        max(purchases.later_period_start_date) as later_period_start_date,
        count(case when not purchases.is_later then 1 end) as customers_together,
        count(case when purchases.is_later then 1 end) as later_customers_together
    from tested_purchases as purchases
    inner join tested_purchases as other_purchases
        on
            purchases.is_later = other_purchases.is_later
            and purchases.customer_id = other_purchases.customer_id
            and purchases.product_number < other_purchases.product_number
    group by purchases.product_number, other_purchases.product_number
    having count(case when not purchases.is_later then 1 end) >= {{ fewest_customers }}

),

class_purchases as (

    select
        tested_purchases.is_later,
        tested_purchases.range_class,
        tested_purchases.product_number,
        count(*) as customers,
        cast(count(*) as double) / max(range_classes.customers) as customer_share
    from tested_purchases
    inner join range_classes
        on
            tested_purchases.is_later = range_classes.is_later
            and tested_purchases.range_class = range_classes.range_class
    group by
        tested_purchases.is_later,
        tested_purchases.range_class,
        tested_purchases.product_number

),

-- One column for each of the few classes: a join over classes would cost more than the
-- rest of the model, and its sums would depend on their order.
customers_by_class as (

    select
        product_number,
        {{ columns_by_class("not is_later", "", classes) }},
        {{ columns_by_class("is_later", "later_", classes) }}
    from class_purchases
    group by product_number

)

-- Expected under independence: within a class, one product says nothing of the other.
select
    products.stock_code,
    other_products.stock_code as other_stock_code,
    pairs.later_period_start_date,
    cast(round(products.products * (products.products - 1) / 2e0) as bigint)
        as pairs_tested,
    cast(products.all_customers as bigint) as all_customers,
    cast(products.customers as bigint) as customers,
    cast(other_products.customers as bigint) as other_customers,
    cast(pairs.customers_together as bigint) as customers_together,
    cast(products.all_later_customers as bigint) as all_later_customers,
    cast(products.later_customers as bigint) as later_customers,
    cast(other_products.later_customers as bigint) as later_other_customers,
    cast(pairs.later_customers_together as bigint) as later_customers_together,
    {{ expected_by_class("by_class", "other_by_class", "", classes) }}
        as expected_together,
    {{ expected_by_class("by_class", "other_by_class", "later_", classes) }}
        as later_expected_together
from pairs
inner join tested_products as products
    on pairs.product_number = products.product_number
inner join tested_products as other_products
    on pairs.other_product_number = other_products.product_number
inner join customers_by_class as by_class
    on pairs.product_number = by_class.product_number
inner join customers_by_class as other_by_class
    on pairs.other_product_number = other_by_class.product_number
