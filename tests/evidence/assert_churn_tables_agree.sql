-- The confusion matrix and the deciles count the customers of the backtest, and
-- the area under the drawn ROC curve is the reported AUC (the curve is thinned, hence
-- 0.005).
with ranked as (

    select
        model,
        cutoff_date,
        population,
        count(*) as customers,
        sum(cast(has_churned as integer)) as churners
    from {{ ref("ml_churn_backtest_ranked") }}
    group by model, cutoff_date, population

),

confusion as (

    select
        model,
        cutoff_date,
        population,
        threshold_name,
        true_positives + false_positives + false_negatives + true_negatives
            as customers,
        true_positives + false_negatives as churners
    from {{ ref("rpt_churn_classification_report") }}
    where class = 'churned'

),

deciles as (

    select
        model,
        cutoff_date,
        population,
        sum(customers) as customers,
        sum(churners) as churners
    from {{ ref("rpt_churn_deciles") }}
    group by model, cutoff_date, population

),

curve as (

    select
        model,
        cutoff_date,
        population,
        true_positive_rate,
        false_positive_rate,
        lag(true_positive_rate) over (
            partition by model, cutoff_date, population order by point nulls last
        ) as previous_true_positive_rate,
        lag(false_positive_rate) over (
            partition by model, cutoff_date, population order by point nulls last
        ) as previous_false_positive_rate
    from {{ ref("rpt_churn_roc_curve") }}

),

areas as (

    select
        model,
        cutoff_date,
        population,
        sum(
            (false_positive_rate - previous_false_positive_rate)
            * (true_positive_rate + previous_true_positive_rate) / 2e0
        ) as area
    from curve
    group by model, cutoff_date, population

),

aucs as (

    select
        model,
        cutoff_date,
        population,
        value as roc_auc
    from {{ ref("rpt_churn_metrics") }}
    where metric = 'roc_auc'

)

select
    ranked.model,
    ranked.cutoff_date,
    ranked.population
from ranked
left join confusion
    on
        ranked.model = confusion.model
        and ranked.cutoff_date = confusion.cutoff_date
        and ranked.population = confusion.population
left join deciles
    on
        ranked.model = deciles.model
        and ranked.cutoff_date = deciles.cutoff_date
        and ranked.population = deciles.population
left join areas
    on
        ranked.model = areas.model
        and ranked.cutoff_date = areas.cutoff_date
        and ranked.population = areas.population
left join aucs
    on
        ranked.model = aucs.model
        and ranked.cutoff_date = aucs.cutoff_date
        and ranked.population = aucs.population
where
    ranked.customers is distinct from confusion.customers
    or ranked.churners is distinct from confusion.churners
    or ranked.customers is distinct from deciles.customers
    or ranked.churners is distinct from deciles.churners
    or (
        ranked.churners between 1 and ranked.customers - 1
        and not coalesce(abs(areas.area - aucs.roc_auc) <= 0.005, false)
    )
