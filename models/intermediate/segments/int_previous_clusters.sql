with previous_clusters as (

    select * from {{ raw_table("published", "previous_clusters") }}

)

select
    cluster_id,
    days_since_last_order,
    frequency,
    net_revenue
from previous_clusters
