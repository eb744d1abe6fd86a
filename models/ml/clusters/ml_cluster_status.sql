{#- With less, figures stand in tables and no sentence is made of them. -#}
{%- set least = least_described() -%}
with as_of as (

    select history_days from {{ ref("int_as_of") }}

),

cluster_choice as (

    select
        max(customers) as customers,
        max(case when is_chosen then k end) as k,
        max(chosen_reason) as reason,
        max(case when is_chosen then smallest_share end) as smallest_share,
        round(max(case when is_chosen then smallest_share * customers end))
            as smallest_customers
    from {{ ref("ml_cluster_diagnostics") }}

),

status as (

    select
        'clusters' as model,
        case
            when cluster_choice.k is null then 'insufficient_data'
            when cluster_choice.smallest_share < {{ least.cluster_share }}
                or cluster_choice.smallest_customers < {{ least.customers }}
                or as_of.history_days < {{ least.days }}
                then 'too_thin'
            else 'ok'
        end as model_status,
        cluster_choice.customers,
        case
            when cluster_choice.k is null
                then {{ count_noun("cluster_choice.customers", "customer") }} || '; '
                    || cluster_choice.reason || ': clusters skipped.'
            else
                {{ count_noun("cluster_choice.customers", "customer") }} || ' in '
                || cluster_choice.k || ' clusters: ' || cluster_choice.reason
                || case
                    when cluster_choice.smallest_share < {{ least.cluster_share }}
                        or cluster_choice.smallest_customers < {{ least.customers }}
                        then '. The smallest has ' || {{ count_noun(
                            "cluster_choice.smallest_customers", "customer"
                        ) }} || ', too few to describe.'
                    when as_of.history_days < {{ least.days }}
                        then '. In ' || {{ count_noun("as_of.history_days", "day") }}
                            || ' nobody can be seen to stay away.'
                    else '.'
                end
        end as explanation
    from cluster_choice
    cross join as_of

)

select
    cast(model as string) as model,
    cast(model_status as string) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as string) as explanation
from status
