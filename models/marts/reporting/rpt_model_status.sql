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
        count(case when backtest.has_churned then 1 end) as churners,
        min(backtest.cutoff_date) as cutoff_date
    from {{ ref("fct_churn_backtest") }} as backtest
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on backtest.model = selection.model and selection.is_chosen

),

cluster_choice as (

    select
        max(customers) as customers,
        max(case when is_chosen then k end) as k,
        max(chosen_reason) as reason
    from {{ ref("rpt_cluster_selection") }}

),

value_customers as (

    select
        count(*) as customers,
        count(case when repeat_purchase_days > 0 then 1 end) as repeat_customers
    from {{ ref("int_btyd_summary") }}
    where example_set = 'current'

),

-- The last cutoff is today; without customers there is none.
value_fits as (

    select
        *,
        max(cutoff_date) over () as last_cutoff_date
    from {{ ref("rpt_clv_parameters") }}

),

value_fit as (

    select
        max(model_status) as model_status,
        max(case when is_used and model <> 'gamma_gamma' then model end) as orders_model
    from value_fits
    where cutoff_date = last_cutoff_date

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
            when training.churned_outcomes between 1 and training.outcomes - 1
                then {{ count_noun("training.customers", "customer") }}
                    || ' with a known outcome, but no customers to test churn on in a'
                    || ' later window of ' || horizon.horizon_days || ' days: skipped.'
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
    union all
    select
        'lifetime_value' as model,
        coalesce(value_fit.model_status, 'insufficient_data') as model_status,
        value_customers.customers,
        case
            when value_fit.model_status = 'ok'
                then 'Lifetime value is predicted for '
                    || {{ count_noun("value_customers.customers", "customer") }}
                    || ': purchase days by '
                    || case value_fit.orders_model
                        when 'mbg_nbd' then 'MBG/NBD'
                        else 'BG/NBD'
                    end
                    || ', their values by Gamma-Gamma.'
            when value_fit.model_status = 'degenerate_dropout'
                then 'Lifetime value is predicted for '
                    || {{ count_noun("value_customers.customers", "customer") }}
                    || ' without P(alive): nothing tells customers who left from those'
                    || ' who pause, so purchase days follow NBD, where nobody leaves.'
            when value_customers.customers < {{ var("clv_min_customers") | int }}
                or value_customers.repeat_customers
                < {{ var("clv_min_repeat_customers") | int }}
                then {{ count_noun("value_customers.customers", "customer") }} || ', '
                    || {{ format_integer("value_customers.repeat_customers") }}
                    || ' of them with a second purchase day; lifetime value needs '
                    || {{ format_integer(var("clv_min_customers") | int) }} || ' and '
                    || {{ format_integer(var("clv_min_repeat_customers") | int) }}
                    || ': skipped.'
            else
                {{ count_noun("value_customers.customers", "customer") }}
                || ', but no model fits what they buy or spend:'
                || ' lifetime value skipped.'
        end as explanation
    from value_customers
    cross join value_fit

)

select
    cast(model as varchar) as model,
    cast(model_status as varchar) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as varchar) as explanation
from statuses
