select
    cast(selection.model as string) as model,
    cast(models.label as string) as model_label,
    selection.simplicity_rank,
    selection.examples,
    selection.customers,
    selection.cutoffs,
    selection.judged_on,
    cast(selection.log_loss as double) as log_loss,
    cast(selection.log_loss_difference as double) as log_loss_difference,
    cast(selection.difference_error as double) as difference_error,
    selection.is_within_one_error,
    selection.is_chosen,
    cast(selection.chosen_reason as string) as chosen_reason
from {{ ref("ml_churn_model_selection") }} as selection
inner join {{ ref("churn_models") }} as models on selection.model = models.model
