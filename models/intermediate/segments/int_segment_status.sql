{#- With less, figures stand in tables and no sentence is made of them. -#}
{%- set least = least_described() -%}
with as_of as (

    select history_days from {{ ref("int_as_of") }}

),

segmented as (

    select count(*) as customers from {{ ref("int_customers_rfm") }}

),

status as (

    select
        'segments' as model,
        case
            when segmented.customers < {{ least.customers }}
                or as_of.history_days < {{ least.days }}
                then 'too_thin'
            else 'ok'
        end as model_status,
        segmented.customers,
        {{ count_noun("segmented.customers", "customer") }} || ' in '
        || {{ count_noun("as_of.history_days", "day") }} || case
            when segmented.customers < {{ least.customers }}
                or as_of.history_days < {{ least.days }}
                then ': scores only rank them against each other; segments say'
                    || ' something from {{ least.customers }} customers and'
                    || ' {{ least.days }} days on, and no action rests on them before.'
            else '.'
        end as explanation
    from segmented
    cross join as_of

)

select
    cast(model as string) as model,
    cast(model_status as string) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as string) as explanation
from status
