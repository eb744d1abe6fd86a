with tutorial as (

    select
        predictions.customer_id,
        predictions.churn_probability,
        predictions.is_called_churned,
        examples.has_churned
    from {{ ref("ml_churn_leaky_baseline") }} as predictions
    inner join {{ ref("int_churn_examples") }} as examples
        on
            predictions.customer_id = examples.customer_id
            and cast(predictions.cutoff_date as date) = examples.cutoff_date

),

judgements as (

    select
        'its own label' as judged_by,
        churn_probability,
        case when is_called_churned then 1 else 0 end as label
    from tutorial
    union all
    select
        'later purchases' as judged_by,
        churn_probability,
        case when has_churned then 1 else 0 end as label
    from tutorial

),

ranked as (

    select
        *,
        rank() over (
            partition by judged_by order by churn_probability nulls last
        ) as score_rank,
        count(*) over (partition by judged_by, churn_probability) as ties
    from judgements

)

select
    cast(judged_by as string) as judged_by,
    cast(count(*) as bigint) as customers,
    cast(avg(label) as double) as churn_rate,
    cast({{ rank_auc("label", "score_rank", "ties") }} as double) as roc_auc,
    cast(avg(power(churn_probability - label, 2)) as double) as brier_score,
    cast(avg(label) * (1 - avg(label)) as double) as base_rate_brier_score
from ranked
group by judged_by
