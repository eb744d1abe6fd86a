-- Some customers of the bundled sample, under the names that the package reads.
{%- set project = env_var("CUSTOMER_INTELLIGENCE_ROOT", "../..") %}
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
from read_parquet('{{ project }}/data/sample/raw/*/*.parquet')
where cast(customer_id as integer) % 8 = 0
