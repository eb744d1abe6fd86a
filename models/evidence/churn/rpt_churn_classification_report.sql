with confusion_matrix as (

    select * from {{ ref("ml_churn_confusion_matrix") }}

),

classes as (

    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'churned' as class,
        true_positives,
        false_positives,
        false_negatives,
        true_negatives
    from confusion_matrix
    union all
    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        'stayed' as class,
        true_negatives as true_positives,
        false_negatives as false_positives,
        false_positives as false_negatives,
        true_positives as true_negatives
    from confusion_matrix

),

counted as (

    select
        *,
        true_positives + false_positives as predicted,
        true_positives + false_negatives as support
    from classes

),

-- As scikit-learn: a class that is never predicted has a precision of zero.
rates as (

    select
        *,
        coalesce({{ proportion("true_positives", "predicted") }}, 0) as precision_rate,
        coalesce({{ proportion("true_positives", "support") }}, 0) as recall_rate,
        coalesce(
            {{ proportion("2e0 * true_positives", "(predicted + support)") }}, 0
        ) as f1_score
    from counted

),

rows_of_report as (

    select
        model,
        cutoff_date,
        population,
        threshold_name,
        threshold,
        class,
        true_positives,
        false_positives,
        false_negatives,
        true_negatives,
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
        null as true_positives,
        null as false_positives,
        null as false_negatives,
        null as true_negatives,
        {{ proportion("sum(true_positives)", "sum(support)") }} as precision_rate,
        {{ proportion("sum(true_positives)", "sum(support)") }} as recall_rate,
        {{ proportion("sum(true_positives)", "sum(support)") }} as f1_score,
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
        null as true_positives,
        null as false_positives,
        null as false_negatives,
        null as true_negatives,
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
        null as true_positives,
        null as false_positives,
        null as false_negatives,
        null as true_negatives,
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
    cast(class as string) as class,
    cast(true_positives as bigint) as true_positives,
    cast(false_positives as bigint) as false_positives,
    cast(false_negatives as bigint) as false_negatives,
    cast(true_negatives as bigint) as true_negatives,
    cast(precision_rate as double) as precision_rate,
    cast(recall_rate as double) as recall_rate,
    cast(f1_score as double) as f1_score,
    cast(support as bigint) as support
from rows_of_report
