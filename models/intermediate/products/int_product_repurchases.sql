{#- What bounds the cost: the lines of so many customers are read. -#}
{%- set most_customers = 20000 -%}
with sampled_customers as (

    {{ draw_customers(ref("int_customers_rfm"), most_customers) }}

),

sale_lines as (

    select
        lines.line_id,
        lines.customer_id,
        lines.stock_code,
        lines.invoice_date
    from {{ ref("int_invoice_lines_classified") }} as lines
    inner join sampled_customers on lines.customer_id = sampled_customers.customer_id
    where
        lines.disposition = 'sale'
        and lines.stock_code_class = 'product'
        and lines.stock_code <> '(NONE)'

),

void_lines as (

    select purchase_line_id as line_id from {{ ref("int_returns_matched") }}
    where is_order_correction

),

purchase_days as (

    select distinct
        sale_lines.customer_id,
        sale_lines.stock_code,
        sale_lines.invoice_date as purchase_date
    from sale_lines
    left join void_lines on sale_lines.line_id = void_lines.line_id
    where void_lines.line_id is null

),

ordered as (

    select
        *,
        row_number() over (
            partition by customer_id, stock_code order by purchase_date nulls last
        ) as purchase_number
    from purchase_days

)

select
    customer_id,
    stock_code,
    min(purchase_date) as first_purchase_date,
    max(case when purchase_number = 2 then purchase_date end) as next_purchase_date
from ordered
where purchase_number <= 2
group by customer_id, stock_code
