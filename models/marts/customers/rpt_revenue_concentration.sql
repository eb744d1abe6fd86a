with customers as (

    select
        customer_id,
        net_revenue,
        cast(
            sign(net_revenue)
            * floor(20 * ln(1 + abs(cast(net_revenue as double)))) as integer
        ) as revenue_class
    from {{ ref("dim_customers") }}

),

classes as (

    select
        revenue_class,
        sum(count(*)) over (
            order by revenue_class desc
            rows between unbounded preceding and current row
        ) - count(*) as richer_customers,
        sum(count(*)) over () as customers,
        sum(sum(net_revenue)) over () as total_net_revenue
    from customers
    group by revenue_class

),

-- Within classes of similar revenue, so that nobody has to sort all customers at once.
ranked as (

    select
        customers.net_revenue,
        classes.richer_customers + row_number() over (
            partition by customers.revenue_class
            order by customers.net_revenue desc, customers.customer_id asc nulls last
        ) as revenue_rank,
        classes.customers,
        classes.total_net_revenue
    from customers
    inner join classes on customers.revenue_class = classes.revenue_class

),

-- Gini of the net amounts: 0 if all spend alike, towards 1 if one spends everything. Of
-- a total that is not positive there are no shares. A sum of decimals does not depend
-- on the order of its terms.
gini as (

    select
        max(total_net_revenue) as total_net_revenue,
        cast(
            case
                when max(total_net_revenue) > 0
                    then 2e0
                        * cast(
                            sum((customers + 1 - revenue_rank) * net_revenue) as double
                        )
                        / (max(customers) * cast(max(total_net_revenue) as double))
                        - (max(customers) + 1e0) / max(customers)
            end as double
        ) as gini
    from ranked

),

-- The smallest percentage that a customer belongs to.
entering as (

    select
        1 + cast(floor(100e0 * (revenue_rank - 1) / customers) as integer)
            as top_percent,
        count(*) as customers,
        sum(net_revenue) as net_revenue
    from ranked
    group by 1 + cast(floor(100e0 * (revenue_rank - 1) / customers) as integer)

),

numbers as (

    {{ integer_series(100) }}

),

curve as (

    select
        numbers.generated_number as top_percent,
        sum(entering.customers) as customers,
        sum(entering.net_revenue) as net_revenue
    from numbers
    inner join entering on numbers.generated_number >= entering.top_percent
    group by numbers.generated_number

)

select
    cast(curve.top_percent as integer) as top_percent,
    cast(curve.customers as bigint) as customers,
    cast(curve.net_revenue as decimal(38, 4)) as net_revenue,
    {{ share_of("curve.net_revenue", "gini.total_net_revenue") }}
        as net_revenue_share,
    gini.gini
from curve
cross join gini
