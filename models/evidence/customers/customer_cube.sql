{%- set day_edges = [0, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730, 1095] -%}
{%- set purchase_day_edges = [1, 2, 3, 4, 5, 6, 10, 20, 50] -%}
{%- set revenue_edges = [
    0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000,
    100000, 200000, 500000, 1000000,
] -%}

with customers as (

    select * from {{ ref("dim_customers") }}

),

countries as (

    select
        country,
        row_number() over (order by count(*) desc, country nulls last) as country_rank
    from customers
    where country is not null
    group by country

),

banded as (

    select
        customers.*,
        case
            when customers.country is null then 'Unknown'
            when
                countries.country_rank <= {{ integer_var("dashboard_countries") }}
                then customers.country
            else 'Other countries'
        end as country_group,
        {{ lower_edge("customers.days_since_last_order", day_edges) }} as days_from,
        {{ lower_edge("customers.purchase_days", purchase_day_edges) }}
            as purchase_days_from,
        {{ lower_edge("customers.net_revenue", revenue_edges) }} as net_revenue_from
    from customers
    left join countries on customers.country = countries.country

)

select
    cast(segment as string) as segment,
    cast(churn_risk as string) as churn_risk,
    cast(country_group as string) as country_group,
    cast(coalesce(cluster_id, -1) as integer) as cluster_id,
    cast(coalesce(r_score, 0) as integer) as r_score,
    cast(coalesce(f_score, 0) as integer) as f_score,
    cast(days_from as integer) as days_from,
    cast(purchase_days_from as integer) as purchase_days_from,
    cast(net_revenue_from as integer) as net_revenue_from,
    cast(count(*) as bigint) as customers,
    cast(sum(orders) as bigint) as orders,
    cast(sum(net_revenue) as decimal(38, 4)) as net_revenue,
    cast(count(churn_probability) as bigint) as scored_customers,
    -- Decimals add up to the same in any order; doubles do not.
    cast(
        sum({{ as_decimal("churn_probability", 38, 12) }}) as decimal(38, 12)
    ) as expected_leavers,
    cast(sum(value_at_risk) as decimal(38, 4)) as value_at_risk,
    cast(count(predicted_value_90d) as bigint) as valued_customers,
    cast(sum(predicted_value_90d) as decimal(38, 4)) as predicted_value_90d,
    cast(sum(predicted_value_365d) as decimal(38, 4)) as predicted_value_365d
from banded
group by
    segment,
    churn_risk,
    country_group,
    coalesce(cluster_id, -1),
    coalesce(r_score, 0),
    coalesce(f_score, 0),
    days_from,
    purchase_days_from,
    net_revenue_from
