with non_products as (

    select * from {{ ref("int_product_amounts") }}
    where disposition = 'non_product'

),

stock_code_classes as (

    select * from {{ ref("stock_code_classes") }}

)

select
    cast(non_products.stock_code as string) as stock_code,
    cast(max(non_products.stock_code_class) as string) as stock_code_class,
    coalesce(max(stock_code_classes.counts_as_revenue), false) as counts_as_revenue,
    cast(max(stock_code_classes.note) as string) as note,
    cast(
        sum(case when non_products.is_refund then 0 else non_products.lines end)
        as bigint
    ) as lines,
    cast(sum(non_products.amount) as decimal(38, 4)) as amount
from non_products
left join stock_code_classes
    on non_products.stock_code_class = stock_code_classes.stock_code_class
group by non_products.stock_code
