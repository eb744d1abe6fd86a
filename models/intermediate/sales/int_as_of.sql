with readable_lines as (

    select invoice_date from {{ ref("stg_retail__invoice_lines") }}
    where not is_quarantined

),

data_span as (

    select
        min(invoice_date) as first_invoice_date,
        max(invoice_date) as last_invoice_date
    from readable_lines

)

select
    coalesce({{ date_var("as_of_date") }}, last_invoice_date) as as_of_date,
    first_invoice_date,
    last_invoice_date
from data_span
