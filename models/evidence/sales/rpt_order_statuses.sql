with amounts as (

    select * from {{ ref("int_invoice_amounts") }}
    where
        order_status is not null
        and disposition <> 'superseded'
        and not is_refund

),

order_statuses as (

    select * from {{ ref("int_order_statuses") }}

)

select
    cast(amounts.order_status as string) as order_status,
    cast(order_statuses.status_class as string) as status_class,
    cast(count(distinct amounts.invoice_no) as bigint) as invoices,
    cast(sum(amounts.lines) as bigint) as lines,
    cast(sum(amounts.amount) as decimal(38, 4)) as amount
from amounts
inner join order_statuses on amounts.order_status = order_statuses.order_status
group by amounts.order_status, order_statuses.status_class
