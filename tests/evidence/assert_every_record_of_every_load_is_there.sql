-- What the ingest counted in a file is in rpt_loads,
-- and every record is either accepted or quarantined.
with loads as (

    select * from {{ ref("rpt_loads") }}

),

noted as (

    select * from {{ ref("stg_retail__loads") }}

),

quarantined as (

    select
        load_id,
        max(records) as largest_reason,
        sum(records) as reasons
    from {{ ref("rpt_quarantine") }}
    group by load_id

)

select
    loads.load_id,
    loads.records,
    noted.records as noted_records,
    loads.accepted_records,
    loads.quarantined_records
from loads
left join noted on loads.load_id = noted.load_id
left join quarantined on loads.load_id = quarantined.load_id
where
    loads.records <> loads.accepted_records + loads.quarantined_records
    or loads.records <> coalesce(noted.records, loads.records)
    or loads.superseded_lines > loads.accepted_records
    -- Each quarantined record stands under at least one reason.
    or loads.quarantined_records < coalesce(quarantined.largest_reason, 0)
    or loads.quarantined_records > coalesce(quarantined.reasons, 0)
