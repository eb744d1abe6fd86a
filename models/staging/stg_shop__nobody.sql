with nobody as (

    select * from {{ raw_table("shop", "shop_nobody") }}

)

select distinct lower(trim(customer_id)) as customer_id
from nobody
