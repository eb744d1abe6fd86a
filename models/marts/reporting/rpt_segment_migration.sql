with snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}

),

current_segments as (

    select * from snapshots
    where is_current

),

earlier_date as (

    select max(snapshots.as_of_date) as from_date
    from snapshots
    where snapshots.as_of_date <= (
            select {{ add_days("-90", "max(current_segments.as_of_date)") }}
            from current_segments
        )

),

earlier_segments as (

    select snapshots.*
    from snapshots
    inner join earlier_date on snapshots.as_of_date = earlier_date.from_date

)

select
    earlier_segments.as_of_date as from_date,
    current_segments.as_of_date as to_date,
    cast(earlier_segments.segment as varchar) as from_segment,
    cast(current_segments.segment as varchar) as to_segment,
    cast(count(*) as bigint) as customers,
    cast(sum(current_segments.net_revenue) as decimal(38, 4)) as net_revenue
from earlier_segments
inner join current_segments
    on earlier_segments.customer_id = current_segments.customer_id
group by
    earlier_segments.as_of_date,
    current_segments.as_of_date,
    earlier_segments.segment,
    current_segments.segment
