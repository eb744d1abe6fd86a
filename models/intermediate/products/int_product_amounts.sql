{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['load_number', 'stock_code']) }}",
) }}
with classified_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where {{ of_changed(["load_number", "stock_code"]) }}

)

select
    load_number,
    stock_code,
    stock_code_class,
    description,
    disposition,
    refunded_line_id is not null as is_refund,
    count(*) as lines,
    cast(sum(quantity) as decimal(38, 4)) as units,
    cast(sum(line_amount) as decimal(38, 4)) as amount,
    min(invoice_date) as first_date,
    max(invoice_date) as last_date
from classified_lines
group by
    load_number, stock_code, stock_code_class, description, disposition, is_refund
