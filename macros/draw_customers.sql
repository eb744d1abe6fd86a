{% macro draw_customers(customers, at_most) -%}
    {#- By hash: the same customers on every engine and in every build. -#}
    select customer_id
    from (
        select
            customer_id,
            {{ stable_uniform("customer_id") }} as draw
        from (select distinct customer_id from {{ customers }}) as distinct_customers
    ) as known_customers
    cross join (
        select count(distinct customer_id) as customers from {{ customers }}
    ) as counted
    where draw * customers < {{ at_most }}
{%- endmacro %}
