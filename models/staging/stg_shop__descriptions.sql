with descriptions as (

    select * from {{ raw_table("shop", "shop_descriptions") }}

)

select
    ---------- ids
    description_rule_rank,

    ---------- texts
    description_pattern,
    stock_code_class
from descriptions
