with products as (

    select * from {{ ref("int_products") }}

)

select
    cast(stock_code as string) as stock_code,
    cast(description as string) as description,
    cast(descriptions as integer) as descriptions,
    first_sold_date,
    last_sold_date,
    cast(units_sold as decimal(38, 4)) as units_sold,
    cast(units_returned as decimal(38, 4)) as units_returned,
    cast(gross_revenue as decimal(38, 4)) as gross_revenue,
    cast(returned_amount as decimal(38, 4)) as returned_amount,
    cast(gross_revenue - returned_amount as decimal(38, 4)) as net_revenue
from products
