with nobody as (

    select * from {{ source("shop", "shop_nobody") }}

)

select distinct lower(trim(customer_id)) as customer_id
from nobody
