with statuses as (

    select * from {{ source("shop", "shop_statuses") }}

)

select distinct
    {{ plain_word("status_word") }} as status_word,
    status_class
from statuses
