{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['load_number', 'invoice_no']) }}",
) }}
with classified_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where {{ of_changed(["load_number", "invoice_no"]) }}

)

select
    load_number,
    invoice_no,
    customer_id,
    invoice_date,
    disposition,
    order_status,
    coalesce(disposition = 'non_product' and stock_code_class = 'discount', false)
        as is_discount,
    refunded_line_id is not null as is_refund,
    max(country) as country,
    min(invoiced_at) as first_invoiced_at,
    count(*) as lines,
    cast(sum(quantity) as decimal(38, 4)) as units,
    cast(sum(line_amount) as decimal(38, 4)) as amount,
    count(case when is_exact_copy then 1 end) as copies,
    cast(sum(case when is_exact_copy then line_amount else 0 end) as decimal(38, 4))
        as copied_amount
from classified_lines
group by
    load_number, invoice_no, customer_id, invoice_date, disposition, order_status,
    is_discount, is_refund
