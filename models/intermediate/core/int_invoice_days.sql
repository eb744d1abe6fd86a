with readable_lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}
    where not is_quarantined

),

-- Days with a refund are days of trade, too.
days as (

    select
        load_number,
        invoice_date
    from readable_lines
    union all
    select
        load_number,
        cast(refunded_at as date) as invoice_date
    from readable_lines
    where refunded_amount is not null and refunded_at > invoiced_at

)

select
    load_number,
    invoice_date,
    count(*) as lines
from days
group by load_number, invoice_date
