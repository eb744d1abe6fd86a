with customers as (

    select
        customer_id,
        net_revenue
    from {{ ref("dim_customers") }}

),

ranked as (

    select
        net_revenue,
        row_number() over (
            order by net_revenue desc, customer_id asc nulls last
        ) as revenue_rank,
        row_number()
            over (order by net_revenue asc nulls last, customer_id desc)
            as ascending_rank,
        count(*) over () as customers,
        sum(net_revenue) over () as total_net_revenue
    from customers

),

-- Gini of the net amounts: 0 if all spend alike, towards 1 if one spends everything. Of
-- a total that is not positive there are no shares. A sum of decimals does not depend
-- on the order of its terms.
gini as (

    select
        cast(
            case
                when max(total_net_revenue) > 0
                    then 2e0 * cast(sum(ascending_rank * net_revenue) as double)
                        / (max(customers) * cast(max(total_net_revenue) as double))
                        - (max(customers) + 1e0) / max(customers)
            end as double
        ) as gini
    from ranked

),

numbers as (

    {{ integer_series(100) }}

),

curve as (

    select
        numbers.generated_number as top_percent,
        count(*) as customers,
        sum(ranked.net_revenue) as net_revenue,
        max(ranked.total_net_revenue) as total_net_revenue
    from numbers
    inner join ranked
        on ranked.revenue_rank
            <= ceil(numbers.generated_number * ranked.customers / 100e0)
    group by numbers.generated_number

)

select
    cast(curve.top_percent as integer) as top_percent,
    cast(curve.customers as bigint) as customers,
    cast(curve.net_revenue as decimal(38, 4)) as net_revenue,
    {{ share_of("curve.net_revenue", "curve.total_net_revenue") }}
        as net_revenue_share,
    gini.gini
from curve
cross join gini
