with staged_lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}

),

loads as (

    select * from {{ ref("stg_retail__loads") }}

),

superseded_lines as (

    select
        load_number,
        count(*) as superseded_lines
    from {{ ref("int_invoice_lines_classified") }}
    where disposition = 'superseded'
    group by load_number

),

counted as (

    select
        load_id,
        max(load_number) as load_number,
        max(source_file) as source_file,
        max(file_sha256) as file_sha256,
        count(*) as records,
        count(case when is_quarantined then 1 end) as quarantined_records,
        min(case when not is_quarantined then invoice_date end) as first_invoice_date,
        max(case when not is_quarantined then invoice_date end) as last_invoice_date
    from staged_lines
    group by load_id

),

-- A file of a header alone has a note but no lines; a relation has lines but no note.
joined as (

    select
        coalesce(counted.load_id, loads.load_id) as load_id,
        coalesce(counted.load_number, loads.load_number) as load_number,
        coalesce(counted.source_file, loads.source_file) as source_file,
        coalesce(counted.file_sha256, loads.file_sha256) as file_sha256,
        coalesce(counted.records, 0) as records,
        coalesce(counted.quarantined_records, 0) as quarantined_records,
        counted.first_invoice_date,
        counted.last_invoice_date,
        loads.is_pseudonymised,
        loads.loaded_at
    from counted
    full outer join loads on counted.load_id = loads.load_id

)

select
    cast(joined.load_id as varchar) as load_id,
    cast(joined.load_number as integer) as load_number,
    cast(joined.source_file as varchar) as source_file,
    cast(joined.file_sha256 as varchar) as file_sha256,
    cast(joined.records as bigint) as records,
    cast(joined.records - joined.quarantined_records as bigint) as accepted_records,
    cast(joined.quarantined_records as bigint) as quarantined_records,
    cast(coalesce(superseded_lines.superseded_lines, 0) as bigint) as superseded_lines,
    joined.first_invoice_date,
    joined.last_invoice_date,
    joined.is_pseudonymised,
    joined.loaded_at
from joined
left join superseded_lines on joined.load_number = superseded_lines.load_number
