{{ config(materialized="view") }}

with sale_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where
        disposition = 'sale'
        and stock_code_class = 'product'
        and stock_code <> '(NONE)'

),

void_lines as (

    select purchase_line_id as line_id from {{ ref("int_returns_matched") }}
    where is_order_correction

)

select
    sale_lines.line_id,
    sale_lines.customer_id,
    sale_lines.stock_code,
    sale_lines.invoice_date
from sale_lines
left join void_lines on sale_lines.line_id = void_lines.line_id
where void_lines.line_id is null
