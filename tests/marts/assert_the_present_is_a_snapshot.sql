-- The current rows of the history say of every customer what dim_customers says.
with customers as (

    select * from {{ ref("dim_customers") }}

),

snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}
    where is_current

)

select coalesce(customers.customer_id, snapshots.customer_id) as customer_id
from customers
full outer join snapshots on customers.customer_id = snapshots.customer_id
where
    customers.segment is distinct from snapshots.segment
    or customers.net_revenue is distinct from snapshots.net_revenue
    or customers.orders is distinct from snapshots.orders
    or customers.purchase_days is distinct from snapshots.purchase_days
