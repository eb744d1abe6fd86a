-- What is known of windows that are over.
with matured as (

    select
        *,
        max(cutoff_date) over () as last_cutoff_date
    from {{ ref("ml_churn_history") }}
    where churn_rate is not null

),

latest as (

    select * from matured
    where cutoff_date = last_cutoff_date

),

earlier as (

    select
        *,
        row_number() over (
            partition by population order by cutoff_date desc
        ) as recency_place,
        row_number() over (
            partition by population
            order by
                case
                    when {{ is_same_season("cutoff_date", "last_cutoff_date") }} then 0
                    else 1
                end,
                cutoff_date desc
        ) as season_place
    from matured
    where cutoff_date < last_cutoff_date

),

-- A rate is compared with a year before where that was scored, else with the cutoff
-- before, as the ranking is. The level is compared with itself: predicted and observed.
comparisons as (

    select
        'churn_rate' as kind,
        earlier.cutoff_date as reference_date,
        latest.cutoff_date as compared_date,
        earlier.customers as reference_customers,
        latest.customers as compared_customers,
        earlier.churn_rate as reference_value,
        latest.churn_rate as compared_value,
        sqrt(
            earlier.churn_rate * (1 - earlier.churn_rate) / earlier.customers
            + latest.churn_rate * (1 - latest.churn_rate) / latest.customers
        ) as error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.season_place = 1
    where latest.population = 'active_90d'
    union all
    select
        'discrimination' as kind,
        earlier.cutoff_date as reference_date,
        latest.cutoff_date as compared_date,
        earlier.customers as reference_customers,
        latest.customers as compared_customers,
        earlier.roc_auc as reference_value,
        latest.roc_auc as compared_value,
        sqrt(
            power(earlier.roc_auc_high - earlier.roc_auc_low, 2)
            + power(latest.roc_auc_high - latest.roc_auc_low, 2)
        ) / (2 * 1.96) as error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.recency_place = 1
    where latest.population = 'all_known'
    union all
    select
        'calibration' as kind,
        cutoff_date as reference_date,
        cutoff_date as compared_date,
        customers as reference_customers,
        customers as compared_customers,
        mean_churn_probability as reference_value,
        churn_rate as compared_value,
        (excess_probability_high - excess_probability_low) / (2 * 1.96) as error
    from latest
    where population = 'all_known'

),

watched as (

    select
        'churn_rate' as kind,
        'churn_rate' as subject,
        'share who did not come back' as subject_label
    union all
    select
        'discrimination' as kind,
        'roc_auc' as subject,
        'ranking by the churn model' as subject_label
    union all
    select
        'calibration' as kind,
        'excess_probability' as subject,
        'level of the churn probabilities' as subject_label

)

select
    watched.kind,
    watched.subject,
    watched.subject_label,
    comparisons.reference_date,
    comparisons.compared_date,
    comparisons.reference_customers,
    comparisons.compared_customers,
    comparisons.reference_value,
    comparisons.compared_value,
    1.96 * comparisons.error as critical_difference
from watched
left join comparisons on watched.kind = comparisons.kind
