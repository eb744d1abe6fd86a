{%- set quarters = {
    "cycle_low_days": "25e-2", "cycle_days": "5e-1", "cycle_high_days": "75e-2"
} -%}
with curves as (

    select
        *,
        max(repurchase_rate) over (partition by stock_code) as last_rate
    from {{ ref("rpt_repurchase_curves") }}

),

products as (

    select
        stock_code,
        description
    from {{ ref("dim_products") }}

),

-- The usual days are those of customers who came back: most never do.
cycles as (

    select
        stock_code,
        max(customers) as customers,
        sum(returned_customers) as returned_customers,
        max(followed_days) as followed_days,
        {%- for days in (90, 180) %}
            max(
                case
                    when days_since_purchase <= {{ days }} then repurchase_rate
                    else 0
                end
            ) as rate_{{ days }}d,
        {%- endfor %}
        {%- for name, share in quarters.items() %}
            min(
                case
                    when repurchase_rate >= {{ share }} * last_rate
                        then days_since_purchase
                end
            ) as {{ name }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from curves
    group by stock_code

)

select
    cycles.stock_code,
    products.description,
    cycles.customers,
    cast(cycles.returned_customers as bigint) as returned_customers,
    cycles.followed_days,
    {%- for days in (90, 180) %}
        case
            when cycles.followed_days >= {{ days }} then cycles.rate_{{ days }}d
        end as repurchase_rate_{{ days }}d,
    {%- endfor %}
    {%- for name in quarters %}
        cycles.{{ name }}
        {%- if not loop.last %},{% endif %}
    {%- endfor %}
from cycles
inner join products on cycles.stock_code = products.stock_code
