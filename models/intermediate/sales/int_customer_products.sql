{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['customer_id']) }}",
) }}
-- A line without a code belongs to no product.
with sale_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where
        disposition = 'sale'
        and stock_code <> '(NONE)'
        and {{ of_changed(["customer_id"]) }}

),

void_lines as (

    select purchase_line_id as line_id from {{ ref("int_returns_matched") }}
    where is_order_correction

),

bought as (

    select
        sale_lines.customer_id,
        sale_lines.stock_code,
        sale_lines.invoice_date,
        case
            when void_lines.line_id is null and sale_lines.stock_code_class = 'product'
                then sale_lines.invoice_date
        end as kept_date
    from sale_lines
    left join void_lines on sale_lines.line_id = void_lines.line_id

)

select
    customer_id,
    stock_code,
    min(invoice_date) as first_purchase_date,
    min(kept_date) as first_kept_date,
    max(kept_date) as last_kept_date
from bought
group by customer_id, stock_code
