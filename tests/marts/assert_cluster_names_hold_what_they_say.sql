-- At most one number of clusters is chosen; every cluster of customers has one name;
-- and no cluster that bought more recently than the median customer is called lapsed.
with customers as (

    select * from {{ ref("dim_customers") }}
    where cluster_id is not null

),

overall as (

    select
        {{ continuous_quantile("days_since_last_order", 0.5) }} as median_days
    from customers

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
select 'a recent cluster is called lapsed' as problem
from {{ ref("rpt_cluster_profiles") }} as profiles
cross join overall
where
    profiles.median_days_since_last_order < overall.median_days
    and lower(profiles.cluster_name) like '%lapsed%'
