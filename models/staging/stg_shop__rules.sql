with rules as (

    select * from {{ raw_table("shop", "shop_rules") }}

)

select
    ---------- texts
    currency,
    upper(trim(cancellation_prefix)) as cancellation_prefix,
    upper(trim(adjustment_prefix)) as adjustment_prefix,

    ---------- booleans
    negative_lines_are_returns,
    drops_copies,
    invoice_numbers_restart,
    believes_far_off_dates
from rules
