with amounts as (

    select * from {{ ref("int_invoice_amounts") }}

),

line_dispositions as (

    select * from {{ ref("line_dispositions") }}

),

ledger as (

    select
        disposition,
        -- What discounts take no more is part of their amount, and no line of its own.
        sum(
            case when is_refund and disposition = 'non_product' then 0 else lines end
        ) as lines,
        sum(amount) as amount,
        count(distinct invoice_no) as invoices,
        count(distinct customer_id) as customers,
        sum(copies) as copies,
        sum(copied_amount) as copied_amount
    from amounts
    group by disposition

)

select
    cast(ledger.disposition as string) as disposition,
    cast(line_dispositions.rule_order as integer) as rule_order,
    cast(line_dispositions.label as string) as label,
    cast(line_dispositions.meaning as string) as meaning,
    cast(line_dispositions.counts_in as string) as counts_in,
    cast(ledger.lines as bigint) as lines,
    cast(ledger.amount as decimal(38, 4)) as amount,
    cast(ledger.invoices as bigint) as invoices,
    cast(ledger.customers as bigint) as customers,
    cast(ledger.copies as bigint) as copies,
    cast(ledger.copied_amount as decimal(38, 4)) as copied_amount
from ledger
left join line_dispositions on ledger.disposition = line_dispositions.disposition
