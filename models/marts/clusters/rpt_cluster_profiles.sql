with customers as (

    select * from {{ ref("dim_customers") }}
    where cluster_id is not null

),

totals as (

    select
        count(*) as customers,
        sum(net_revenue) as net_revenue
    from customers

),

profiles as (

    select
        cluster_id,
        cluster_name,
        count(*) as customers,
        sum(net_revenue) as net_revenue,
        {{ continuous_quantile("days_since_last_order", 0.5) }}
            as median_days_since_last_order,
        {{ continuous_quantile("purchase_days", 0.5) }} as median_purchase_days,
        {{ continuous_quantile("net_revenue", 0.5) }} as median_net_revenue,
        {{ log_mean("days_since_last_order") }} as centroid_days_since_last_order,
        {{ log_mean(rfm_frequency()) }} as centroid_frequency,
        {{ log_mean("greatest(net_revenue, 0)") }} as centroid_net_revenue,
        {{ within("avg(churn_probability)", "0.0", "1.0") }}
            as mean_churn_probability
    from customers
    group by cluster_id, cluster_name

)

select
    profiles.cluster_id,
    profiles.cluster_name,
    cast(profiles.customers as bigint) as customers,
    {{ proportion("profiles.customers", "totals.customers") }} as customer_share,
    cast(profiles.net_revenue as decimal(38, 4)) as net_revenue,
    {{ share_of("profiles.net_revenue", "totals.net_revenue") }}
        as net_revenue_share,
    profiles.median_days_since_last_order,
    profiles.median_purchase_days,
    profiles.median_net_revenue,
    profiles.centroid_days_since_last_order,
    profiles.centroid_frequency,
    profiles.centroid_net_revenue,
    profiles.mean_churn_probability
from profiles
cross join totals
