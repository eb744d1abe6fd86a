with customers as (

    select * from {{ ref("dim_customers") }}

),

members as (

    select
        cluster_name,
        customer_id
    from customers
    where cluster_name is not null

),

customer_products as (

    select * from {{ ref("int_customer_products") }}

),

products as (

    select * from {{ ref("dim_products") }}

),

clusters as (

    select
        cluster_name,
        count(*) as cluster_customers,
        sum(count(*)) over () as all_customers
    from members
    group by cluster_name

),

purchases as (

    select
        members.cluster_name,
        customer_products.stock_code,
        count(*) as customers
    from customer_products
    inner join members on customer_products.customer_id = members.customer_id
    group by members.cluster_name, customer_products.stock_code

),

-- A purchase here is a product that a customer ever bought.
compared as (

    select
        cluster_name,
        stock_code,
        customers,
        sum(customers) over (partition by stock_code) as product_customers,
        sum(customers) over (partition by cluster_name) as cluster_purchases,
        sum(customers) over () as all_purchases
    from purchases

),

common as (

    select
        compared.cluster_name,
        compared.stock_code,
        compared.customers,
        {{ proportion("compared.customers", "clusters.cluster_customers") }}
            as support,
        cast(compared.customers as double) * clusters.all_customers
        / (clusters.cluster_customers * compared.product_customers) as lift,
        cast(compared.customers as double) * compared.all_purchases
        / (compared.cluster_purchases * compared.product_customers)
            as range_adjusted_lift
    from compared
    inner join clusters on compared.cluster_name = clusters.cluster_name
    where
        compared.customers >= 20
        and compared.customers >= 0.05 * clusters.cluster_customers

),

ranked as (

    select
        *,
        row_number() over (
            partition by cluster_name
            order by lift desc, customers desc, stock_code asc nulls last
        ) as product_rank
    from common

)

select
    cast(ranked.cluster_name as string) as cluster_name,
    cast(ranked.product_rank as integer) as product_rank,
    ranked.stock_code,
    products.description,
    cast(ranked.customers as bigint) as customers,
    ranked.support,
    ranked.lift,
    ranked.range_adjusted_lift
from ranked
inner join products on ranked.stock_code = products.stock_code
where ranked.product_rank <= 10
