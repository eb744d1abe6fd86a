{%- set named = "'" ~ (var("churn_scoring_model") or "") ~ "'" -%}
with predictions as (

    select * from {{ ref("ml_churn_predictions") }}
    where example_set = 'validation' and churn_probability is not null

),

examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'train'

),

models as (

    select * from {{ ref("churn_models") }}

),

losses as (

    select
        predictions.model,
        predictions.customer_id,
        predictions.cutoff_date,
        -ln(greatest(
            case
                when examples.has_churned then predictions.churn_probability
                else 1 - predictions.churn_probability
            end, 1e-15
        )) as log_loss
    from predictions
    inner join examples
        on
            predictions.customer_id = examples.customer_id
            and cast(predictions.cutoff_date as date) = examples.cutoff_date

),

model_losses as (

    select
        models.model,
        models.simplicity_rank,
        count(*) as examples,
        count(distinct losses.customer_id) as customers,
        avg(losses.log_loss) as log_loss
    from losses
    inner join models on losses.model = models.model
    group by models.model, models.simplicity_rank

),

-- A model that could not be fitted for every fold was judged on other customers.
widest as (

    select max(examples) as examples from model_losses

),

ranked as (

    select
        model_losses.*,
        row_number() over (
            order by model_losses.log_loss, model_losses.simplicity_rank
        ) as loss_rank
    from model_losses
    inner join widest on model_losses.examples = widest.examples

),

best_losses as (

    select losses.*
    from losses
    inner join ranked on losses.model = ranked.model and ranked.loss_rank = 1

),

-- A customer occurs at several cutoffs and is one draw, not several.
customer_differences as (

    select
        losses.model,
        losses.customer_id,
        count(*) as examples,
        sum(losses.log_loss - best_losses.log_loss) as difference
    from losses
    inner join best_losses
        on
            losses.customer_id = best_losses.customer_id
            and losses.cutoff_date = best_losses.cutoff_date
    group by losses.model, losses.customer_id

),

mean_differences as (

    select
        model,
        sum(difference) / sum(examples) as mean_difference
    from customer_differences
    group by model

),

differences as (

    select
        customer_differences.model,
        max(mean_differences.mean_difference) as log_loss_difference,
        sqrt(sum(power(
            customer_differences.difference
            - customer_differences.examples * mean_differences.mean_difference, 2
        ))) / sum(customer_differences.examples) as difference_error
    from customer_differences
    inner join mean_differences
        on customer_differences.model = mean_differences.model
    group by customer_differences.model

),

judged as (

    select
        ranked.model,
        ranked.simplicity_rank,
        ranked.examples,
        ranked.customers,
        ranked.log_loss,
        ranked.loss_rank,
        differences.log_loss_difference,
        differences.difference_error,
        differences.log_loss_difference <= differences.difference_error
            as is_within_one_error
    from ranked
    inner join differences on ranked.model = differences.model

),

-- Of the models that cannot be told from the best, the simplest (the one-standard-error
-- rule of Breiman et al. 1984), unless a variable names one.
chosen as (

    select
        *,
        case
            when {{ named }} <> '' then model = {{ named }}
            else
                row_number() over (
                    order by
                        case when is_within_one_error then 0 else 1 end,
                        simplicity_rank
                ) = 1
        end as is_chosen
    from judged

)

select
    model,
    cast(simplicity_rank as integer) as simplicity_rank,
    cast(examples as bigint) as examples,
    cast(customers as bigint) as customers,
    log_loss,
    log_loss_difference,
    difference_error,
    is_within_one_error,
    is_chosen,
    case
        when not is_chosen then null
        when {{ named }} <> '' then 'named by the variable churn_scoring_model'
        when loss_rank = 1 then 'the lowest log loss'
        else 'the simplest within one standard error of the lowest log loss'
    end as chosen_reason
from chosen
