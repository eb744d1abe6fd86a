{#- With less, figures stand in tables and no sentence is made of them. -#}
{%- set least_customers = 30 -%}
{%- set least_days = 90 -%}
{%- set least_cluster_share = 0.05 -%}
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

-- What the test says of the model that scores customers: how it ranks them, and whether
-- its probabilities are better than one rate for all.
churn_evidence as (

    select
        {%- for figure in ("value", "ci_low", "ci_high") %}
            max(case
                when metrics.metric = 'roc_auc' and metrics.model = selection.model
                    then metrics.{{ figure }}
            end) as roc_auc_{{ figure }},
        {%- endfor %}
        max(case
            when metrics.metric = 'brier_score' and metrics.model = selection.model
                then metrics.value
        end) as brier_score,
        max(case
            when metrics.metric = 'brier_score' and metrics.model = 'base_rate'
                then metrics.value
        end) as base_rate_brier_score
    from {{ ref("rpt_churn_metrics") }} as metrics
    cross join {{ ref("ml_churn_model_selection") }} as selection
    where selection.is_chosen and metrics.population = 'all_known'

),

churn as (

    select
        tested.customers,
        tested.churners,
        tested.cutoff_date,
        churn_evidence.*,
        case
            when tested.customers = 0 then 'insufficient_data'
            when tested.churners between 1 and tested.customers - 1
                and churn_evidence.roc_auc_ci_low > 0.5
                and churn_evidence.brier_score < churn_evidence.base_rate_brier_score
                then 'ok'
            else 'not_predictive'
        end as model_status
    from tested
    cross join churn_evidence

),

segmented as (

    select count(*) as customers from {{ ref("int_customers_rfm") }}

),

cluster_choice as (

    select
        max(customers) as customers,
        max(case when is_chosen then k end) as k,
        max(chosen_reason) as reason,
        max(case when is_chosen then smallest_share end) as smallest_share,
        round(max(case when is_chosen then smallest_share * customers end))
            as smallest_customers
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
        churn.model_status,
        training.customers,
        case
            when churn.customers > 0
                then 'Churn was learned from '
                    || {{ count_noun("training.customers", "customer") }}
                    || ' and tested on ' || {{ format_integer("churn.customers") }}
                    || ' in the ' || horizon.horizon_days || ' days from '
                    || cast(churn.cutoff_date as varchar) || ' on'
                    || case
                        when churn.churners = 0
                            then '; none of them left, so ranking cannot be judged.'
                        when churn.churners = churn.customers
                            then '; all of them left, so ranking cannot be judged.'
                        when churn.model_status = 'ok' then '.'
                        else '. Whether a customer stays away cannot be told: '
                    end
                    || case
                        when churn.model_status = 'ok'
                            or churn.churners in (0, churn.customers)
                            then ''
                        when churn.roc_auc_ci_low is null
                            then 'the AUC has no interval, because too few left or'
                                || ' stayed.'
                        when churn.roc_auc_ci_low <= 0.5
                            then 'AUC ' || round(churn.roc_auc_value, 3) || ' ['
                                || round(churn.roc_auc_ci_low, 3) || '–'
                                || round(churn.roc_auc_ci_high, 3)
                                || '] is not above 0.5, which is chance.'
                        else 'the Brier score ' || round(churn.brier_score, 4)
                            || ' is not below '
                            || coalesce(
                                cast(round(churn.base_rate_brier_score, 4) as varchar),
                                'that'
                            )
                            || ', that of one rate for all.'
                    end
                    || case
                        when churn.model_status = 'ok' then ''
                        else ' No customer is given a probability, and no action'
                            || ' rests on one.'
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
    from churn
    cross join training
    cross join horizon
    cross join as_of
    union all
    select
        'segments' as model,
        case
            when segmented.customers < {{ least_customers }}
                or as_of.history_days < {{ least_days }}
                then 'too_thin'
            else 'ok'
        end as model_status,
        segmented.customers,
        {{ count_noun("segmented.customers", "customer") }} || ' in '
        || {{ count_noun("as_of.history_days", "day") }} || case
            when segmented.customers < {{ least_customers }}
                or as_of.history_days < {{ least_days }}
                then ': scores only rank them against each other; segments say'
                    || ' something from {{ least_customers }} customers and'
                    || ' {{ least_days }} days on, and no action rests on them before.'
            else '.'
        end as explanation
    from segmented
    cross join as_of
    union all
    select
        'clusters' as model,
        case
            when cluster_choice.k is null then 'insufficient_data'
            when cluster_choice.smallest_share < {{ least_cluster_share }}
                or cluster_choice.smallest_customers < {{ least_customers }}
                or as_of.history_days < {{ least_days }}
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
                    when cluster_choice.smallest_share < {{ least_cluster_share }}
                        or cluster_choice.smallest_customers < {{ least_customers }}
                        then '. The smallest has ' || {{ count_noun(
                            "cluster_choice.smallest_customers", "customer"
                        ) }} || ', too few to describe.'
                    when as_of.history_days < {{ least_days }}
                        then '. In ' || {{ count_noun("as_of.history_days", "day") }}
                            || ' nobody can be seen to stay away.'
                    else '.'
                end
        end as explanation
    from cluster_choice
    cross join as_of
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
                    || ' who pause, so purchase days follow NBD, in which nobody'
                    || ' leaves.'
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
