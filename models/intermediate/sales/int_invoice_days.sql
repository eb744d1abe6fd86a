with readable_lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}
    where not is_quarantined

)

select
    load_number,
    invoice_date,
    count(*) as lines
from readable_lines
group by load_number, invoice_date
