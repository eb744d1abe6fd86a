with non_product_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where disposition = 'non_product'

),

stock_code_classes as (

    select * from {{ ref("stock_code_classes") }}

)

select
    cast(non_product_lines.stock_code as varchar) as stock_code,
    cast(max(non_product_lines.stock_code_class) as varchar) as stock_code_class,
    coalesce(max(stock_code_classes.counts_as_revenue), false) as counts_as_revenue,
    cast(max(stock_code_classes.note) as varchar) as note,
    cast(
        count(case when non_product_lines.refunded_line_id is null then 1 end) as bigint
    ) as lines,
    cast(sum(non_product_lines.line_amount) as decimal(38, 4)) as amount
from non_product_lines
left join stock_code_classes
    on non_product_lines.stock_code_class = stock_code_classes.stock_code_class
group by non_product_lines.stock_code
