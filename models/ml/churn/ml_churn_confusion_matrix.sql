with ranked as (

    select * from {{ ref("ml_churn_backtest_ranked") }}

),

thresholds as (

    select
        model,
        'fixed' as threshold_name,
        cast({{ var("churn_decision_threshold") }} as double) as threshold
    from ranked
    group by model
    union all
    select
        model,
        'profit_optimal' as threshold_name,
        cast(profit_optimal_threshold as double) as threshold
    from {{ ref("ml_churn_thresholds") }}

),

judged as (

    select
        ranked.*,
        thresholds.threshold_name,
        thresholds.threshold,
        ranked.churn_probability >= thresholds.threshold as is_predicted_to_churn
    from ranked
    inner join thresholds on ranked.model = thresholds.model

)

select
    model,
    cutoff_date,
    population,
    cast(threshold_name as string) as threshold_name,
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
group by model, cutoff_date, population, threshold_name, threshold
