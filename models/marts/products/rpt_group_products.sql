with customers as (

    select * from {{ ref("dim_customers") }}

),

members as (

    select
        'segment' as grouping,
        segment as group_name,
        customer_id
    from customers
    where segment is not null
    union all
    select
        'cluster' as grouping,
        cluster_name as group_name,
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

member_groups as (

    select
        grouping,
        group_name,
        count(*) as group_customers,
        sum(count(*)) over (partition by grouping) as all_customers
    from members
    group by grouping, group_name

),

purchases as (

    select
        members.grouping,
        members.group_name,
        customer_products.stock_code,
        count(*) as customers
    from customer_products
    inner join members on customer_products.customer_id = members.customer_id
    group by members.grouping, members.group_name, customer_products.stock_code

),

-- A purchase here is a product that a customer ever bought.
compared as (

    select
        grouping,
        group_name,
        stock_code,
        customers,
        sum(customers) over (partition by grouping, stock_code) as product_customers,
        sum(customers) over (partition by grouping, group_name) as group_purchases,
        sum(customers) over (partition by grouping) as all_purchases
    from purchases

),

common as (

    select
        compared.grouping,
        compared.group_name,
        compared.stock_code,
        compared.customers,
        {{ proportion("compared.customers", "member_groups.group_customers") }}
            as support,
        cast(compared.customers as double) * member_groups.all_customers
        / (member_groups.group_customers * compared.product_customers) as lift,
        cast(compared.customers as double) * compared.all_purchases
        / (compared.group_purchases * compared.product_customers)
            as range_adjusted_lift
    from compared
    inner join member_groups
        on
            compared.grouping = member_groups.grouping
            and compared.group_name = member_groups.group_name
    where
        compared.customers >= 20
        and compared.customers >= 0.05 * member_groups.group_customers

),

ranked as (

    select
        *,
        row_number() over (
            partition by grouping, group_name
            order by lift desc, customers desc, stock_code asc
        ) as product_rank
    from common

)

select
    cast(ranked.grouping as varchar) as grouping,
    cast(ranked.group_name as varchar) as group_name,
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
