-- Months are compared by one and the same model as far as that goes: training customers
-- by its out-of-fold predictions, other cutoffs by what was said of them at the time.
with judged as (

    select
        predictions.customer_id,
        predictions.cutoff_date,
        predictions.example_set,
        predictions.model,
        predictions.churn_probability,
        predictions.seasonal_cutoff_date,
        max(case when predictions.example_set = 'validation' then 1 else 0 end)
            over (partition by predictions.cutoff_date) as is_held_out
    from {{ ref("ml_churn_predictions") }} as predictions
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on predictions.model = selection.model and selection.is_chosen

),

monitored as (

    select
        customer_id,
        cutoff_date,
        example_set,
        model,
        churn_probability,
        seasonal_cutoff_date
    from judged
    where example_set = 'validation' or is_held_out = 0
    union all
    select
        customer_id,
        cutoff_date,
        example_set,
        model,
        churn_probability,
        seasonal_cutoff_date
    from {{ ref("ml_churn_scores") }}

)

select
    customer_id,
    cast(cutoff_date as date) as cutoff_date,
    example_set,
    model,
    churn_probability,
    cast(seasonal_cutoff_date as date) as seasonal_cutoff_date
from monitored
where churn_probability is not null
