-- Drawn by a hash: whoever is drawn from a large shop was drawn when it was small, too.
with customers as (

    select * from {{ ref("dim_customers") }}

),

size as (

    select count(*) as customers from customers

)

select
    customers.customer_id,
    customers.segment,
    customers.churn_risk,
    customers.country,
    customers.days_since_last_order,
    customers.purchase_days,
    customers.net_revenue,
    customers.churn_probability
from customers
cross join size
where
    {{ stable_uniform("customers.customer_id") }} * size.customers
    < {{ integer_var("dashboard_sample") }}
