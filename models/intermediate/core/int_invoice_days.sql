{{ config(materialized=table_of_lines()) }}
-- Days with a refund are days of trade, too. What cannot be read has no day.
with lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}
    {% if is_incremental() %}
        where load_number > {{ last_load_read() }}
    {% endif %}

),

days as (

    select
        load_number,
        case when not is_quarantined then invoice_date end as invoice_date,
        count(case when not is_quarantined then 1 end) as lines,
        count(*) as records,
        sum(line_amount) as amount
    from lines
    group by load_number, case when not is_quarantined then invoice_date end
    union all
    select
        load_number,
        cast(refunded_at as date) as invoice_date,
        count(*) as lines,
        0 as records,
        0 as amount
    from lines
    where
        not is_quarantined
        and refunded_amount is not null
        and refunded_at > invoiced_at
    group by load_number, cast(refunded_at as date)

)

select
    load_number,
    invoice_date,
    cast(sum(lines) as bigint) as lines,
    cast(sum(records) as bigint) as records,
    cast(coalesce(sum(amount), 0) as decimal(38, 4)) as amount
from days
group by load_number, invoice_date
