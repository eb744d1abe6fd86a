-- In which countries is there most to lose? One row per country of a customer's latest
-- order; 'unknown' where the source names none.
--
-- Run: dbt show --select value_at_stake_by_country --output json --limit 100
--
-- How to read it: value_at_risk is the sum over customers of churn probability × what
-- they spend per churn window. A mean over a few customers says nothing: with fewer
-- than 30 the mean probability is null and the sums stay. largest_customer_share is the
-- part of a country's value at risk that is one customer's.
with customers as (

    select
        coalesce(country, 'unknown') as country,
        customer_id,
        net_revenue,
        churn_probability,
        value_at_risk,
        is_active_90d
    from {{ ref("dim_customers") }}

),

totals as (

    select
        sum(net_revenue) as net_revenue,
        sum(value_at_risk) as value_at_risk
    from customers

),

countries as (

    select
        country,
        count(*) as customers,
        count(*) >= 30 as is_large_enough,
        count(case when is_active_90d then 1 end) as active_customers_90d,
        sum(net_revenue) as net_revenue,
        sum(value_at_risk) as value_at_risk,
        max(value_at_risk) as highest_value_at_risk,
        avg(churn_probability) as mean_churn_probability
    from customers
    group by country

)

select
    countries.country,
    countries.customers,
    countries.is_large_enough,
    countries.active_customers_90d,
    countries.net_revenue,
    {{ share_of("countries.net_revenue", "totals.net_revenue") }} as net_revenue_share,
    countries.value_at_risk,
    {{ share_of("countries.value_at_risk", "totals.value_at_risk") }}
        as value_at_risk_share,
    {{ share_of("countries.highest_value_at_risk", "countries.value_at_risk") }}
        as largest_customer_share,
    case when countries.is_large_enough then countries.mean_churn_probability end
        as mean_churn_probability
from countries
cross join totals
order by countries.value_at_risk desc nulls last, countries.country asc nulls last
