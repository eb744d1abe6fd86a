-- Rows come with publication, which compares with the version that readers see
-- (publication/changes.py): what is built depends on its input alone.
with customers as (

    select * from {{ ref("dim_customers") }}

),

actions as (

    select * from {{ ref("fct_customer_actions") }}

),

customer_days as (

    select * from {{ ref("fct_customer_days") }}

)

select
    customers.customer_id,
    cast('action' as string) as attribute,
    actions.action_label as value_before,
    actions.action_label as value_now,
    cast('time' as string) as cause,
    customers.as_of_date as previous_as_of_date,
    cast(null as string) as previous_version
from customers
inner join actions on customers.customer_id = actions.customer_id
inner join customer_days on customers.customer_id = customer_days.customer_id
where 1 = 0
