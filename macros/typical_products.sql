{% macro typical_products(keys) -%}
with members as (

    select
        customer_id,
        {{ keys | join(",\n        ") }}
    from {{ ref("dim_customers") }}
    where {{ keys[0] }} is not null

),

customer_products as (

    select * from {{ ref("int_customer_products") }}

),

products as (

    select * from {{ ref("dim_products") }}

),

member_groups as (

    select
        {{ keys | join(",\n        ") }},
        count(*) as group_customers,
        sum(count(*)) over () as all_customers
    from members
    group by {{ keys | join(", ") }}

),

purchases as (

    select
        members.{{ keys[0] }},
        customer_products.stock_code,
        count(*) as customers
    from customer_products
    inner join members on customer_products.customer_id = members.customer_id
    group by members.{{ keys[0] }}, customer_products.stock_code

),

-- A purchase here is a product that a customer ever bought.
compared as (

    select
        {{ keys[0] }},
        stock_code,
        customers,
        sum(customers) over (partition by stock_code) as product_customers,
        sum(customers) over (partition by {{ keys[0] }}) as group_purchases,
        sum(customers) over () as all_purchases
    from purchases

),

common as (

    select
        {% for key in keys -%}
        member_groups.{{ key }},
        {% endfor -%}
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
    inner join member_groups on compared.{{ keys[0] }} = member_groups.{{ keys[0] }}
    where
        compared.customers >= 20
        and compared.customers >= 0.05 * member_groups.group_customers

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ keys[0] }}
            order by lift desc, customers desc, stock_code asc
        ) as product_rank
    from common

)

select
    {% for key in keys -%}
    ranked.{{ key }},
    {% endfor -%}
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
{%- endmacro %}
