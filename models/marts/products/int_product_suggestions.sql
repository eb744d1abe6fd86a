with playbook as (

    select max(max_purchase_days) as max_purchase_days
    from {{ ref("action_playbook") }}
    where is_contact

),

customers as (

    select customers.customer_id
    from {{ ref("dim_customers") }} as customers
    inner join playbook on customers.purchase_days <= playbook.max_purchase_days

),

customer_products as (

    select
        customer_products.customer_id,
        customer_products.stock_code
    from {{ ref("int_customer_products") }} as customer_products
    inner join customers on customer_products.customer_id = customers.customer_id

),

-- The surest pair first.
affinities as (

    select
        stock_code,
        other_stock_code,
        other_description,
        row_number() over (
            order by
                g_statistic desc,
                other_stock_code asc nulls last,
                stock_code asc nulls last
        ) as affinity_number
    from {{ ref("rpt_product_affinity") }}
    where is_confirmed

),

first_affinities as (

    select
        customer_products.customer_id,
        min(affinities.affinity_number) as affinity_number
    from customer_products
    inner join affinities on customer_products.stock_code = affinities.stock_code
    left join customer_products as bought_before
        on
            customer_products.customer_id = bought_before.customer_id
            and affinities.other_stock_code = bought_before.stock_code
    where bought_before.stock_code is null
    group by customer_products.customer_id

)

select
    first_affinities.customer_id,
    affinities.other_stock_code as stock_code,
    affinities.other_description as description
from first_affinities
inner join affinities
    on first_affinities.affinity_number = affinities.affinity_number
