with statuses as (

    select * from {{ raw_table("shop", "shop_statuses") }}

)

select distinct
    {{ plain_word("status_word") }} as status_word,
    status_class
from statuses
