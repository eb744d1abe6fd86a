with loads as (

    select * from {{ raw_table("retail", "loads") }}

)

select
    load_id,
    cast(load_number as integer) as load_number,
    source_file,
    file_sha256,
    cast(records as bigint) as records,
    case when loaded_at is not null then pseudonym_key is not null end
        as is_pseudonymised,
    cast(substring(loaded_at, 1, 19) as timestamp) as loaded_at
from loads
