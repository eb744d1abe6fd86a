with loads as (

    select * from {{ ref("stg_retail__loads") }}

),

superseded_lines as (

    select
        load_number,
        sum(lines) as superseded_lines
    from {{ ref("int_invoice_amounts") }}
    where disposition = 'superseded'
    group by load_number

),

-- Records that cannot be read have no day.
counted as (

    select
        load_number,
        sum(records) as records,
        sum(case when invoice_date is null then records else 0 end)
            as quarantined_records,
        min(case when records > 0 then invoice_date end) as first_invoice_date,
        max(case when records > 0 then invoice_date end) as last_invoice_date
    from {{ ref("int_invoice_days") }}
    group by load_number

)

-- A file of a header alone has no lines.
select
    cast(loads.load_id as string) as load_id,
    cast(loads.load_number as integer) as load_number,
    cast(loads.source_file as string) as source_file,
    cast(loads.file_sha256 as string) as file_sha256,
    cast(coalesce(counted.records, 0) as bigint) as records,
    cast(
        coalesce(counted.records - counted.quarantined_records, 0) as bigint
    ) as accepted_records,
    cast(coalesce(counted.quarantined_records, 0) as bigint) as quarantined_records,
    cast(coalesce(superseded_lines.superseded_lines, 0) as bigint) as superseded_lines,
    counted.first_invoice_date,
    counted.last_invoice_date,
    loads.is_pseudonymised,
    loads.loaded_at
from loads
left join counted on loads.load_number = counted.load_number
left join superseded_lines on loads.load_number = superseded_lines.load_number
