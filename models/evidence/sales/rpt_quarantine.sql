with quarantined_lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}
    where is_quarantined

),

-- A record with several reasons stands in the row of each of them.
reasons as (

    select
        load_id,
        record_number,
        line_number,
        line_amount,
        {{ each_of("reasons") }} as reason
    from quarantined_lines

)

select
    cast(load_id as string) as load_id,
    cast(reason as string) as reason,
    cast(count(distinct record_number) as bigint) as records,
    cast(min(line_number) as bigint) as first_line_number,
    cast(sum(line_amount) as decimal(38, 4)) as amount
from reasons
group by load_id, reason
