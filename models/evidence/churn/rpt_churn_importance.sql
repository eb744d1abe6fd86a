with repeats as (

    select
        *,
        roc_auc - permuted_roc_auc as auc_loss
    from {{ ref("ml_churn_importance") }}

),

chosen as (

    select max(model) as model
    from {{ ref("ml_churn_model_selection") }}
    where is_chosen

)

select
    cast(chosen.model as string) as model,
    cast(repeats.feature_group as string) as feature_group,
    cast(max(repeats.roc_auc) as double) as roc_auc,
    cast(avg(repeats.auc_loss) as double) as mean_auc_loss,
    cast(min(repeats.auc_loss) as double) as lowest_auc_loss,
    cast(max(repeats.auc_loss) as double) as highest_auc_loss,
    cast(stddev_samp(repeats.auc_loss) as double) as std_auc_loss,
    cast(count(*) as integer) as repeats
from repeats
cross join chosen
group by chosen.model, repeats.feature_group
