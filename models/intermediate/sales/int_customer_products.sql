-- A line without a code belongs to no product.
with sale_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where disposition = 'sale' and stock_code <> '(NONE)'

)

select
    customer_id,
    stock_code,
    min(invoice_date) as first_purchase_date
from sale_lines
group by customer_id, stock_code
