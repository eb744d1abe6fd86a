with invoice_lines as (

    select * from {{ source("retail", "invoice_lines") }}

),

typed as (

    select
        ---------- ids
        cast(load_number as bigint) * 10000000000 + record_number as line_id,
        cast(load_number as integer) as load_number,
        load_id,
        record_number,
        line_number,
        upper(trim(invoice_no)) as invoice_no,
        coalesce(nullif(upper(trim(stock_code)), ''), '(NONE)') as stock_code,
        nullif(trim(customer_id), '') as customer_id,

        ---------- text
        nullif(trim(description), '') as description,
        nullif(trim(country), '') as country,
        nullif(trim(regexp_replace(lower(consent), '[\s_-]+', ' ', 'g')), '')
            as consent_word,

        ---------- numbers
        quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(coalesce(line_amount, quantity * unit_price) as decimal(38, 4))
            as line_amount,

        ---------- times
        invoiced_at,
        cast(invoiced_at as date) as invoice_date,

        ---------- flags
        coalesce(is_cancelled_order, false) as is_cancelled_order,

        ---------- quarantine
        reasons,

        ---------- source
        source_file,
        file_sha256

    from invoice_lines

),

flagged as (

    select
        *,
        len(reasons) > 0 as is_quarantined
    from typed

)

select * from flagged
