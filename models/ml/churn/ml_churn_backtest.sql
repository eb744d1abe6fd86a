with predictions as (

    select * from {{ ref("ml_churn_predictions") }}
    where example_set = 'test' and churn_probability is not null

),

examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'test'

)

select
    cast(predictions.customer_id as string) as customer_id,
    cast(predictions.cutoff_date as date) as cutoff_date,
    cast(predictions.model as string) as model,
    cast(predictions.churn_probability as double) as churn_probability,
    cast(predictions.seasonal_cutoff_date as date) as seasonal_cutoff_date,
    examples.has_churned,
    examples.is_active_90d,
    examples.purchase_days = 1 as is_one_time_buyer,
    cast(examples.horizon_days as integer) as horizon_days
from predictions
inner join examples
    on
        predictions.customer_id = examples.customer_id
        and cast(predictions.cutoff_date as date) = examples.cutoff_date
