-- Some customers of the bundled sample, under the names that the package reads.
select
    record_number,
    invoice_no,
    stock_code,
    description,
    quantity,
    invoiced_at,
    unit_price,
    customer_id,
    country,
    copy_number
from read_parquet('{{ var("sample") }}')
where cast(customer_id as integer) % 8 = 0
