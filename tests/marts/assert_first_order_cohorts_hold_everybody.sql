-- By whatever trait: the groups hold every customer whose days are over, once, with
-- whether they bought again by then and what they brought, as their days say.
with customers as (

    select
        customer_id,
        first_order_date
    from {{ ref("dim_customers") }}

),

horizons as (

    select distinct horizon_days from {{ ref("rpt_first_order_cohorts") }}

),

as_of as (

    select as_of_date from {{ ref("build_info") }}

),

observed as (

    select
        customers.customer_id,
        customers.first_order_date,
        horizons.horizon_days
    from customers
    cross join horizons
    cross join as_of
    where
        {{ day_difference("customers.first_order_date", "as_of.as_of_date") }}
        >= horizons.horizon_days

),

customer_days as (

    select
        observed.customer_id,
        observed.horizon_days,
        {{ day_difference("observed.first_order_date", "days.activity_date") }} as age,
        days.has_purchase,
        days.net_revenue
    from observed
    inner join {{ ref("fct_customer_days") }} as days
        on observed.customer_id = days.customer_id

),

expected as (

    select
        horizon_days,
        count(distinct customer_id) as observed_customers,
        count(
            distinct case when has_purchase and age > 0 then customer_id end
        ) as returned_customers,
        sum(net_revenue) as net_revenue
    from customer_days
    where age <= horizon_days
    group by horizon_days

),

told as (

    select
        attribute,
        horizon_days,
        sum(observed_customers) as observed_customers,
        sum(returned_customers) as returned_customers,
        sum(net_revenue) as net_revenue
    from {{ ref("rpt_first_order_cohorts") }}
    group by attribute, horizon_days

)

select
    told.attribute,
    told.horizon_days
from told
left join expected on told.horizon_days = expected.horizon_days
where
    told.observed_customers <> coalesce(expected.observed_customers, 0)
    or told.returned_customers <> coalesce(expected.returned_customers, 0)
    or told.net_revenue <> coalesce(expected.net_revenue, 0)
