with as_of as (

    select
        coalesce({{ day_difference("first_invoice_date", "as_of_date") }}, 0)
            as history_days
    from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

training as (

    select
        count(distinct customer_id) as customers,
        count(*) as outcomes,
        count(case when has_churned then 1 end) as churned_outcomes
    from {{ ref("int_churn_examples") }}
    where example_set = 'train'

),

tested as (

    select
        count(*) as customers,
        count(case when has_churned then 1 end) as churners,
        min(cutoff_date) as cutoff_date
    from {{ ref("fct_churn_backtest") }}
    where model = '{{ var("churn_scoring_model") }}'

),

cluster_choice as (

    select
        max(customers) as customers,
        max(case when is_chosen then k end) as k,
        max(chosen_reason) as reason
    from {{ ref("rpt_cluster_selection") }}

),

statuses as (

    select
        'churn' as model,
        case when tested.customers > 0 then 'ok' else 'insufficient_data' end
            as model_status,
        training.customers,
        case
            when tested.customers > 0
                then 'Churn was learned from '
                    || {{ count_noun("training.customers", "customer") }}
                    || ' and tested on ' || {{ format_integer("tested.customers") }}
                    || ' in the ' || horizon.horizon_days || ' days from '
                    || cast(tested.cutoff_date as varchar) || ' on'
                    || case
                        when tested.churners = 0
                            then '; none of them left, so ranking cannot be judged.'
                        when tested.churners = tested.customers
                            then '; all of them left, so ranking cannot be judged.'
                        else '.'
                    end
            when training.customers < {{ var("churn_min_customers") | int }}
                then {{ count_noun("training.customers", "customer") }}
                    || ' with a known outcome in '
                    || {{ count_noun("as_of.history_days", "day") }}
                    || '; churn needs '
                    || {{ format_integer(var("churn_min_customers") | int) }}
                    || ' and at least ' || 3 * horizon.horizon_days
                    || ' days (three windows of ' || horizon.horizon_days
                    || '): skipped.'
            else
                {{ count_noun("training.customers", "customer") }}
                || ' with a known outcome, but '
                || {{ format_integer("training.churned_outcomes") }} || ' of '
                || {{ format_integer("training.outcomes") }}
                || ' outcomes are churn and there is nothing to tell apart: skipped.'
        end as explanation
    from tested
    cross join training
    cross join horizon
    cross join as_of
    union all
    select
        'clusters' as model,
        case when k is null then 'insufficient_data' else 'ok' end as model_status,
        customers,
        case
            when k is null
                then {{ count_noun("customers", "customer") }} || '; ' || reason
                    || ': clusters skipped.'
            else
                {{ count_noun("customers", "customer") }} || ' in ' || k
                || ' clusters: ' || reason || '.'
        end as explanation
    from cluster_choice

)

select
    cast(model as varchar) as model,
    cast(model_status as varchar) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as varchar) as explanation
from statuses
