with snapshots as (

    select * from {{ ref("int_customer_snapshots") }}

)

select
    cast(customer_id as string) as customer_id,
    as_of_date,
    is_current,
    days_since_last_order,
    orders,
    purchase_days,
    net_revenue,
    r_score,
    f_score,
    m_score,
    rfm_score,
    cast(segment as string) as segment
from snapshots
