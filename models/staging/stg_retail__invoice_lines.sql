with invoice_lines as (

    select * from {{ raw_table("retail", "invoice_lines") }}

),

nobody as (

    select customer_id from {{ ref("stg_shop__nobody") }}

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
        case
            when lower(trim(customer_id)) in (select nobody.customer_id from nobody)
                then null
            else nullif(trim(customer_id), '')
        end as customer_id,

        ---------- text
        nullif(trim(description), '') as description,
        nullif(trim(country), '') as country,
        nullif(trim(order_status), '') as order_status,
        nullif(trim({{ single_spaced("lower(consent)") }}), '')
            as consent_word,

        ---------- numbers
        {{ dbt.safe_cast("quantity", "decimal(18, 4)") }} as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        -- One minus takes a line back; a second one takes back a discount. Whole units
        -- leave nothing to round, which costs most. Without 38 digits before it, the
        -- product would have 18, too few.
        case
            when quantity < 0 and unit_price >= 0 and line_amount > 0
                then -cast(line_amount as decimal(38, 4))
            when line_amount is not null
                then cast(line_amount as decimal(38, 4))
            when quantity = cast(quantity as decimal(18, 0))
                then
                    cast(
                        cast(quantity as decimal(38, 0)) * unit_price as decimal(38, 4)
                    )
            else
                cast(
                    cast(quantity as decimal(19, 4)) * unit_price as decimal(38, 4)
                )
        end as line_amount,
        cast(nullif(refunded_amount, 0) as decimal(38, 4)) as refunded_amount,
        copy_number,

        ---------- times
        invoiced_at,
        cast(invoiced_at as date) as invoice_date,
        refunded_at,

        ---------- flags
        coalesce(is_cancelled_order, false) as is_cancelled_order,
        coalesce(is_refund_estimated, false) as is_refund_estimated,

        ---------- quarantine
        -- Earlier loads stored whole units of up to 18 digits.
        case
            when
                quantity is not null
                and {{ dbt.safe_cast("quantity", "decimal(18, 4)") }} is null
                then {{ array_with("reasons", "'R_OVERFLOW'") }}
            else reasons
        end as reasons,

        ---------- source
        source_file,
        file_sha256

    from invoice_lines

),

flagged as (

    select
        *,
        {{ array_size("reasons") }} > 0 as is_quarantined
    from typed

)

select * from flagged
