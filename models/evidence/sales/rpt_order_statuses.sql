with records as (

    select * from {{ ref("int_invoice_lines_disposed") }}
    where order_status is not null and disposition <> 'superseded'

)

select
    cast(order_status as varchar) as order_status,
    cast(status_class as varchar) as status_class,
    cast(count(distinct invoice_no) as bigint) as invoices,
    cast(count(*) as bigint) as lines,
    cast(sum(line_amount) as decimal(38, 4)) as amount
from records
group by order_status, status_class
