-- Who was a customer at one snapshot is one at the next, and a period of the migration
-- holds all customers at its start and at its end, with all net revenue at its end.
with snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}

),

migration as (

    select * from {{ ref("rpt_segment_migration") }}

),

snapshot_dates as (

    select distinct as_of_date from snapshots

),

following_dates as (

    select
        as_of_date,
        lead(as_of_date) over (order by as_of_date nulls last) as next_date
    from snapshot_dates

),

missing_customers as (

    select
        snapshots.customer_id,
        following_dates.next_date
    from snapshots
    inner join following_dates on snapshots.as_of_date = following_dates.as_of_date
    left join snapshots as later
        on
            snapshots.customer_id = later.customer_id
            and following_dates.next_date = later.as_of_date
    where following_dates.next_date is not null and later.customer_id is null

),

totals as (

    select
        as_of_date,
        count(*) as customers,
        sum(net_revenue) as net_revenue
    from snapshots
    group by as_of_date

),

periods as (

    select
        from_date,
        to_date,
        sum(customers) as customers,
        sum(case when from_segment <> 'Not yet a customer' then customers else 0 end)
            as earlier_customers,
        sum(net_revenue) as net_revenue
    from migration
    group by from_date, to_date

)

select
    next_date as as_of_date,
    'customer ' || customer_id || ' disappears' as finding
from missing_customers
union all
select
    periods.to_date as as_of_date,
    'the period does not hold all customers' as finding
from periods
inner join totals as starts on periods.from_date = starts.as_of_date
inner join totals as ends on periods.to_date = ends.as_of_date
where
    periods.customers <> ends.customers
    or periods.earlier_customers <> starts.customers
    or periods.net_revenue <> ends.net_revenue
