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

    select * from {{ ref("int_customer_products") }}

),

-- The surest pair first.
suggestions as (

    select
        customers.customer_id,
        affinities.other_stock_code as stock_code,
        affinities.other_description as description,
        row_number() over (
            partition by customers.customer_id
            order by
                affinities.g_statistic desc,
                affinities.other_stock_code asc,
                affinities.stock_code asc
        ) as place
    from customers
    inner join customer_products
        on customers.customer_id = customer_products.customer_id
    inner join {{ ref("rpt_product_affinity") }} as affinities
        on
            customer_products.stock_code = affinities.stock_code
            and affinities.is_confirmed
    left join customer_products as bought_before
        on
            customers.customer_id = bought_before.customer_id
            and affinities.other_stock_code = bought_before.stock_code
    where bought_before.stock_code is null

)

select
    customer_id,
    stock_code,
    description
from suggestions
where place = 1
