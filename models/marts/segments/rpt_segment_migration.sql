with snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}

),

snapshot_dates as (

    select distinct
        as_of_date,
        is_current
    from snapshots

),

-- The first dates have no snapshot 90 days before them, so no period ends there.
periods as (

    select
        ends.as_of_date as to_date,
        ends.is_current as is_current_period,
        max(starts.as_of_date) as from_date
    from snapshot_dates as ends
    inner join snapshot_dates as starts
        on starts.as_of_date <= {{ add_days("-90", "ends.as_of_date") }}
    group by ends.as_of_date, ends.is_current

),

-- Nobody leaves the snapshots, so the customers at the end are all there are.
customers_at_the_end as (

    select
        periods.*,
        snapshots.customer_id,
        snapshots.segment,
        snapshots.net_revenue
    from periods
    inner join snapshots on periods.to_date = snapshots.as_of_date

)

select
    ends.from_date,
    ends.to_date,
    ends.is_current_period,
    cast(coalesce(starts.segment, 'Not yet a customer') as string) as from_segment,
    cast(ends.segment as string) as to_segment,
    cast(count(*) as bigint) as customers,
    cast(sum(ends.net_revenue) as decimal(38, 4)) as net_revenue
from customers_at_the_end as ends
left join snapshots as starts
    on
        ends.from_date = starts.as_of_date
        and ends.customer_id = starts.customer_id
group by
    ends.from_date,
    ends.to_date,
    ends.is_current_period,
    coalesce(starts.segment, 'Not yet a customer'),
    ends.segment
