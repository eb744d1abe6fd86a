with as_of as (

    select history_days from {{ ref("int_as_of") }}

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
    from {{ ref("ml_churn_backtest") }} as backtest
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
    from {{ ref("ml_churn_metrics") }} as metrics
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

status as (

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
                    || cast(churn.cutoff_date as string) || ' on'
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
                            then 'AUC ' || {{ round_to("churn.roc_auc_value", 3) }}
                                || ' ['
                                || {{ round_to("churn.roc_auc_ci_low", 3) }} || '–'
                                || {{ round_to("churn.roc_auc_ci_high", 3) }}
                                || '] is not above 0.5, which is chance.'
                        else 'the Brier score '
                            || {{ round_to("churn.brier_score", 4) }}
                            || ' is not below '
                            || coalesce(
                                cast(
                                    {{ round_to("churn.base_rate_brier_score", 4) }}
                                    as string
                                ),
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

)

select
    cast(model as string) as model,
    cast(model_status as string) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as string) as explanation
from status
