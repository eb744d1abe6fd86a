with classified_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}

),

line_dispositions as (

    select * from {{ ref("line_dispositions") }}

),

ledger as (

    select
        disposition,
        -- What discounts take no more is part of their amount, and no line of its own.
        count(
            case
                when refunded_line_id is null or disposition <> 'non_product' then 1
            end
        ) as lines,
        sum(line_amount) as amount,
        count(distinct invoice_no) as invoices,
        count(distinct customer_id) as customers,
        count(case when is_exact_copy then 1 end) as copies,
        sum(case when is_exact_copy then line_amount else 0 end) as copied_amount
    from classified_lines
    group by disposition

)

select
    cast(ledger.disposition as varchar) as disposition,
    cast(line_dispositions.rule_order as integer) as rule_order,
    cast(line_dispositions.label as varchar) as label,
    cast(line_dispositions.meaning as varchar) as meaning,
    cast(line_dispositions.counts_in as varchar) as counts_in,
    cast(ledger.lines as bigint) as lines,
    cast(ledger.amount as decimal(38, 4)) as amount,
    cast(ledger.invoices as bigint) as invoices,
    cast(ledger.customers as bigint) as customers,
    cast(ledger.copies as bigint) as copies,
    cast(ledger.copied_amount as decimal(38, 4)) as copied_amount
from ledger
left join line_dispositions on ledger.disposition = line_dispositions.disposition
