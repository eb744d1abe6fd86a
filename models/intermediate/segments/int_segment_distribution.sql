with snapshots as (

    select * from {{ ref("int_customer_snapshots") }}

),

drift_dates as (

    select * from {{ ref("int_drift_dates") }}

),

-- The month end nearest to the reference date.
segment_dates as (

    select
        snapshots.as_of_date as reference_date,
        row_number() over (
            order by
                abs({{ day_difference(
                    "snapshots.as_of_date", "drift_dates.reference_date"
                ) }}) nulls last,
                snapshots.as_of_date nulls last
        ) as place
    from snapshots
    cross join drift_dates
    where
        not snapshots.is_current
        and drift_dates.reference_date is not null
    group by snapshots.as_of_date, drift_dates.reference_date

),

compared_segments as (

    select
        snapshots.segment,
        segment_dates.reference_date,
        snapshots.as_of_date,
        case when snapshots.is_current then 0 else 1 end as is_reference
    from snapshots
    inner join segment_dates
        on
            (
                snapshots.is_current
                or snapshots.as_of_date = segment_dates.reference_date
            )
            and segment_dates.place = 1

)

select
    segment,
    reference_date,
    max(max(as_of_date)) over () as compared_date,
    sum(is_reference) as reference_customers,
    sum(1 - is_reference) as compared_customers
from compared_segments
group by segment, reference_date
