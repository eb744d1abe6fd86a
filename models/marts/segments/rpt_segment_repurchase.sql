{%- set purchase_day_edges = [1, 2, 3, 5, 9] -%}
with snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}

),

purchase_days as (

    select
        customer_id,
        activity_date
    from {{ ref("int_customer_days") }}
    where has_purchase

),

as_of as (

    select as_of_date from {{ ref("int_as_of") }}

),

-- Did the segments of three months ago say who would buy since?
validity_date as (

    select max(snapshots.as_of_date) as as_of_date
    from snapshots
    cross join as_of
    where snapshots.as_of_date <= {{ add_days("-90", "as_of.as_of_date") }}

),

earlier_segments as (

    select
        snapshots.customer_id,
        snapshots.segment,
        snapshots.as_of_date,
        {{ lower_edge("snapshots.purchase_days", purchase_day_edges) }}
            as purchase_days_from
    from snapshots
    inner join validity_date on snapshots.as_of_date = validity_date.as_of_date

),

repurchasers as (

    select distinct earlier_segments.customer_id
    from earlier_segments
    inner join purchase_days
        on
            earlier_segments.customer_id = purchase_days.customer_id
            and earlier_segments.as_of_date < purchase_days.activity_date
            and purchase_days.activity_date
            <= {{ add_days("90", "earlier_segments.as_of_date") }}

),

counted as (

    select
        earlier_segments.segment,
        earlier_segments.purchase_days_from,
        earlier_segments.as_of_date,
        count(*) as customers,
        count(repurchasers.customer_id) as repurchasers
    from earlier_segments
    left join repurchasers
        on earlier_segments.customer_id = repurchasers.customer_id
    group by
        earlier_segments.segment,
        earlier_segments.purchase_days_from,
        earlier_segments.as_of_date

)

select
    cast(segment as string) as segment,
    cast(purchase_days_from as integer) as purchase_days_from,
    as_of_date,
    cast(customers as bigint) as customers,
    cast(repurchasers as bigint) as repurchasers,
    {{ proportion("repurchasers", "customers") }} as repurchase_rate_90d
from counted
