with predictions as (

    select * from {{ ref("ml_churn_predictions") }}
    where example_set in ('rolling', 'test') and churn_probability is not null

),

examples as (

    select * from {{ ref("int_churn_examples") }}

),

cutoffs as (

    select
        cutoff_date,
        known_cutoffs
    from {{ ref("int_churn_cutoffs") }}
    where label_end_date is not null

),

scored as (

    select
        predictions.model,
        predictions.example_set,
        predictions.churn_probability,
        predictions.seasonal_probability,
        examples.cutoff_date,
        examples.horizon_days,
        cutoffs.known_cutoffs,
        cast(examples.has_churned as integer) as label
    from predictions
    inner join examples
        on
            predictions.customer_id = examples.customer_id
            and cast(predictions.cutoff_date as date) = examples.cutoff_date
    inner join cutoffs on examples.cutoff_date = cutoffs.cutoff_date

),

ranked as (

    select
        *,
        rank() over (
            partition by model, cutoff_date order by churn_probability nulls last
        ) as score_rank,
        count(*) over (partition by model, cutoff_date, churn_probability) as ties,
        -ln(case when label = 1 then churn_probability else 1 - churn_probability end)
            as log_loss,
        -ln(case
            when label = 1 then seasonal_probability else 1 - seasonal_probability
        end) as seasonal_log_loss
    from scored

)

select
    cast(model as string) as model,
    cutoff_date,
    cast(example_set as string) as example_set,
    cast(max(horizon_days) as integer) as horizon_days,
    cast(max(known_cutoffs) as integer) as known_cutoffs,
    cast(count(*) as bigint) as customers,
    cast(avg(label) as double) as churn_rate,
    avg(churn_probability) as mean_churn_probability,
    cast({{ rank_auc("label", "score_rank", "ties") }} as double) as roc_auc,
    cast(avg(power(churn_probability - label, 2)) as double) as brier_score,
    cast(avg(log_loss) as double) as log_loss,
    cast(avg(seasonal_log_loss) as double) as seasonal_log_loss
from ranked
group by model, cutoff_date, example_set
