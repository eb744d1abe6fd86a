with snapshots as (

    select * from {{ ref("int_customer_snapshots") }}

)

select * from snapshots
where is_current
