with codes as (

    select * from {{ raw_table("shop", "shop_codes") }}

)

select
    ---------- ids
    code_rule_rank,

    ---------- texts
    upper(trim(stock_code)) as stock_code,
    code_pattern,
    stock_code_class
from codes
