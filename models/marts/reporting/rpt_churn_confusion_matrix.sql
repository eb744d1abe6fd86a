with ranked as (

    select * from {{ ref("fct_churn_backtest_ranked") }}

),

judged as (

    select
        *,
        cast({{ var("churn_decision_threshold") }} as double) as threshold,
        churn_probability >= {{ var("churn_decision_threshold") }}
            as is_predicted_to_churn
    from ranked

)

select
    model,
    cutoff_date,
    population,
    threshold,
    cast(sum(
        case when has_churned and is_predicted_to_churn then 1 else 0 end
    ) as bigint) as true_positives,
    cast(sum(
        case when not has_churned and is_predicted_to_churn then 1 else 0 end
    ) as bigint) as false_positives,
    cast(sum(
        case when has_churned and not is_predicted_to_churn then 1 else 0 end
    ) as bigint) as false_negatives,
    cast(sum(
        case when not has_churned and not is_predicted_to_churn then 1 else 0 end
    ) as bigint) as true_negatives
from judged
group by model, cutoff_date, population, threshold
