with invoice_numbers as (

    select distinct invoice_no
    from {{ ref("stg_retail__invoice_lines") }}
    where invoice_no is not null

),

rules as (

    select * from {{ ref("stg_shop__rules") }}

)

select
    invoice_numbers.invoice_no,
    coalesce(
        substring(invoice_numbers.invoice_no, 1, length(rules.cancellation_prefix))
        = rules.cancellation_prefix, false
    ) as is_cancellation,
    coalesce(
        substring(invoice_numbers.invoice_no, 1, length(rules.adjustment_prefix))
        = rules.adjustment_prefix, false
    ) as is_adjustment
from invoice_numbers
cross join rules
