-- At most one number of clusters is chosen; every cluster has one name, and no name
-- says what is not true of the cluster's median customer: one that bought more
-- recently than all customers is never called lapsed.
with customers as (

    select * from {{ ref("dim_customers") }}
    where cluster_id is not null

),

overall as (

    select
        {{ continuous_quantile("days_since_last_order", 0.5) }} as median_days,
        {{ continuous_quantile("purchase_days", 0.5) }} as median_purchase_days,
        {{ continuous_quantile("net_revenue", 0.5) }} as median_net_revenue
    from customers

),

claims as (

    select
        lower(profiles.cluster_name) as claim,
        profiles.median_purchase_days,
        sign(profiles.median_days_since_last_order - overall.median_days) as silence,
        sign(profiles.median_purchase_days - overall.median_purchase_days) as frequency,
        sign(profiles.median_net_revenue - overall.median_net_revenue) as spend
    from {{ ref("rpt_cluster_profiles") }} as profiles
    cross join overall

)

select 'several numbers of clusters are chosen' as problem
from {{ ref("rpt_cluster_selection") }}
where is_chosen
having count(*) > 1
union all
select 'names and ids do not pair' as problem
from customers
having
    count(distinct cluster_id) <> count(distinct cluster_name)
    or count(distinct cluster_id)
    <> count(distinct cast(cluster_id as varchar) || cluster_name)
union all
select 'not true of the median customer: ' || claim as problem
from claims
where
    (claim like 'recent %' and silence > 0)
    or (claim like 'lapsed %' and silence < 0)
    or (claim like '%one-time %' and median_purchase_days >= 2)
    or (claim like '%frequent %' and frequency < 0)
    or (claim like '%big spenders%' and spend < 0)
    or (claim like '%small spenders%' and spend > 0)
