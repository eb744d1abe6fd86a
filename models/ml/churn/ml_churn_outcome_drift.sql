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

-- Windows that overlap would compare customers with themselves.
earlier as (

    select
        *,
        row_number() over (
            partition by population
            order by
                case
                    when {{ is_same_season("cutoff_date", "last_cutoff_date") }} then 0
                    else 1
                end nulls last,
                cutoff_date desc
        ) as place
    from matured
    where
        cutoff_date < last_cutoff_date
        and {{ day_difference("cutoff_date", "last_cutoff_date") }}
        >= coalesce(horizon_days, 0)

),

-- Where the level of the tested probabilities came from.
level as (

    select max(backtest.seasonal_cutoff_date) as cutoff_date
    from {{ ref("ml_churn_backtest") }} as backtest
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on backtest.model = selection.model and selection.is_chosen

),

-- Rate and ranking are compared with a year before where that was scored, else with the
-- cutoff before. The level is compared with itself, predicted and observed; it rests on
-- the same season where it was taken from there.
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
            earlier.churn_rate * (1 - earlier.churn_rate) * 1e0 / earlier.customers
            + latest.churn_rate * (1 - latest.churn_rate) * 1e0 / latest.customers
        ) as standard_error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.place = 1
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
        ) / (2 * 196e-2) as standard_error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.place = 1
    where latest.population = 'all_known'
    union all
    select
        'calibration' as kind,
        coalesce(level.cutoff_date, latest.cutoff_date) as reference_date,
        latest.cutoff_date as compared_date,
        latest.customers as reference_customers,
        latest.customers as compared_customers,
        latest.mean_churn_probability as reference_value,
        latest.churn_rate as compared_value,
        (latest.excess_probability_high - latest.excess_probability_low) / (2 * 196e-2)
            as standard_error
    from latest
    cross join level
    where latest.population = 'all_known'

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
    comparisons.standard_error
from watched
left join comparisons on watched.kind = comparisons.kind
