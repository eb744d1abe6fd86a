-- At most one number of clusters is chosen; every cluster has one name, and no name
-- says what is not true of the cluster's median customer, beside all customers and in
-- days, orders and money of its own. Names come from at most 20,000 of the customers,
-- hence the margin around the bounds of clusters.py (60 and 90 days; 3 and 5 orders).
with customers as (

    select * from {{ ref("dim_customers") }}
    where cluster_id is not null

),

overall as (

    select
        {{ continuous_quantile("days_since_last_order", 0.5) }} as median_days,
        {{ continuous_quantile(rfm_frequency(), 0.5) }} as median_frequency,
        {{ continuous_quantile("net_revenue", 0.5) }} as median_net_revenue
    from customers

),

members as (

    select
        lower(cluster_name) as claim,
        {{ continuous_quantile("days_since_last_order", 0.5) }} as median_days,
        {{ continuous_quantile(rfm_frequency(), 0.5) }} as median_frequency,
        {{ continuous_quantile("net_revenue", 0.5) }} as median_net_revenue
    from customers
    group by cluster_name

),

claims as (

    select
        members.claim,
        members.median_days,
        members.median_frequency,
        members.median_net_revenue,
        sign(members.median_days - overall.median_days) as silence,
        sign(members.median_frequency - overall.median_frequency) as frequency,
        sign(members.median_net_revenue - overall.median_net_revenue) as spend
    from members
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
    <> count(distinct cast(cluster_id as string) || cluster_name)
union all
select 'not true of the median customer: ' || claim as problem
from claims
where
    (
        claim like 'recent %'
        and (silence > 0 or median_days > 70)
    )
    or (
        claim like 'lapsed %'
        and (silence < 0 or median_days < 80)
    )
    or (claim like '%one-time %' and median_frequency >= 2)
    or (
        claim like '%frequent %'
        and (frequency < 0 or median_frequency < 4)
    )
    or (claim like '%regular %' and median_frequency < 2)
    or (claim like '%occasional %' and median_frequency >= 6)
    or (claim like '%big spenders%' and spend < 0)
    or (claim like '%small spenders%' and spend > 0)
    or (claim like '%spenders%' and median_net_revenue <= 0)
    or (claim like '%without net spending%' and median_net_revenue > 0)
