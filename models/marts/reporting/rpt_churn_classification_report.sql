with confusion_matrix as (

    select * from {{ ref("rpt_churn_confusion_matrix") }}

),

classes as (

    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'churned' as class,
        true_positives as hits,
        true_positives + false_positives as predicted,
        true_positives + false_negatives as support
    from confusion_matrix
    union all
    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'stayed' as class,
        true_negatives as hits,
        true_negatives + false_negatives as predicted,
        true_negatives + false_positives as support
    from confusion_matrix

),

-- As scikit-learn: a class that is never predicted has a precision of zero.
rates as (

    select
        *,
        coalesce({{ proportion("hits", "predicted") }}, 0) as precision_rate,
        coalesce({{ proportion("hits", "support") }}, 0) as recall_rate,
        coalesce({{ proportion("2.0 * hits", "(predicted + support)") }}, 0) as f1_score
    from classes

),

rows_of_report as (

    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        class,
        precision_rate,
        recall_rate,
        f1_score,
        support
    from rates
    union all
    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'accuracy' as class,
        {{ proportion("sum(hits)", "sum(support)") }} as precision_rate,
        {{ proportion("sum(hits)", "sum(support)") }} as recall_rate,
        {{ proportion("sum(hits)", "sum(support)") }} as f1_score,
        sum(support) as support
    from rates
    group by model, cutoff_date, population, threshold_name, threshold
    union all
    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'macro avg' as class,
        avg(precision_rate) as precision_rate,
        avg(recall_rate) as recall_rate,
        avg(f1_score) as f1_score,
        sum(support) as support
    from rates
    group by model, cutoff_date, population, threshold_name, threshold
    union all
    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'weighted avg' as class,
        {{ proportion("sum(precision_rate * support)", "sum(support)") }}
            as precision_rate,
        {{ proportion("sum(recall_rate * support)", "sum(support)") }} as recall_rate,
        {{ proportion("sum(f1_score * support)", "sum(support)") }} as f1_score,
        sum(support) as support
    from rates
    group by model, cutoff_date, population, threshold_name, threshold

)

select
    model,
    cutoff_date,
    population,
    threshold_name,
    threshold,
    cast(class as varchar) as class,
    cast(precision_rate as double) as precision_rate,
    cast(recall_rate as double) as recall_rate,
    cast(f1_score as double) as f1_score,
    cast(support as bigint) as support
from rows_of_report
