with model_status as (

    select * from {{ ref("rpt_model_status") }}

),

scoring_model as (

    select model from {{ ref("ml_churn_model_selection") }}
    where is_chosen

),

churn_metrics as (

    select metrics.*
    from {{ ref("rpt_churn_metrics") }} as metrics
    inner join scoring_model on metrics.model = scoring_model.model
    where
        metrics.population = 'all_known'
        and metrics.metric = 'roc_auc'
        and metrics.value is not null

),

-- The interval is that of customers of one month; months differ too.
months as (

    select
        count(*) as months,
        min(origins.roc_auc) as lowest_roc_auc,
        max(origins.roc_auc) as highest_roc_auc
    from {{ ref("rpt_churn_rolling_origins") }} as origins
    inner join scoring_model on origins.model = scoring_model.model
    where origins.roc_auc is not null

),

-- What goes with churn is told where a model can tell who leaves.
drivers as (

    select drivers.*
    from {{ ref("rpt_churn_drivers") }} as drivers
    inner join model_status
        on model_status.model = 'churn' and model_status.model_status = 'ok'

),

horizon as (

    select max(horizon_days) as horizon_days from {{ ref("fct_churn_backtest") }}

),

-- The feature whose outer quarters differ most in what happened afterwards.
driver_ends as (

    select
        feature,
        feature_label,
        feature_auc,
        feature_quarter,
        churn_rate,
        row_number() over (
            partition by feature order by feature_quarter nulls last
        ) as place_from_low,
        row_number() over (
            partition by feature order by feature_quarter desc
        ) as place_from_high
    from drivers

),

driver_contrasts as (

    select
        feature,
        max(feature_label) as feature_label,
        max(feature_auc) as feature_auc,
        max(case when place_from_low = 1 then churn_rate end) as low_churn_rate,
        max(case when place_from_high = 1 then churn_rate end) as high_churn_rate
    from driver_ends
    group by feature

),

ranked_drivers as (

    select
        *,
        row_number() over (
            order by abs(feature_auc - 0.5) desc, feature nulls last
        ) as driver_rank
    from driver_contrasts

)

select
    10 + driver_rank as insight_order,
    'goes_with_churn: ' || feature as insight,
    'Goes with churn: ' || feature_label
    || '. In its lowest group ' || {{ format_percent("low_churn_rate") }}
    || ' of customers did not come back within the window, in its highest '
    || {{ format_percent("high_churn_rate") }}
    || ' (on its own it ranks them with AUC '
    || {{ format_two_digits('greatest(feature_auc, 1 - feature_auc)') }}
    || '; what goes with churn need not cause it).' as finding,
    feature_auc as figure,
    cast(null as double) as ci_low,
    cast(null as double) as ci_high,
    'rpt_churn_drivers' as source_mart
from ranked_drivers
where
    driver_rank <= 3
    and round(100 * low_churn_rate) <> round(100 * high_churn_rate)
union all
select
    20 as insight_order,
    'churn_predictability' as insight,
    'Whether a customer stays away for ' || horizon.horizon_days
    || ' days can be told with AUC '
    || cast({{ round_to("churn_metrics.value", 3) }} as string)
    || coalesce(
        ' [' || cast({{ round_to("churn_metrics.ci_low", 3) }} as string) || '–'
        || cast({{ round_to("churn_metrics.ci_high", 3) }} as string) || ']', ''
    ) || ' on a window the model has not seen'
    || case
        when months.months > 1
            then '; over ' || months.months || ' cutoffs, each predicted from what was'
                || ' before it, with '
                || cast({{ round_to("months.lowest_roc_auc", 3) }} as string) || ' to '
                || cast({{ round_to("months.highest_roc_auc", 3) }} as string)
        else ''
    end || '.' as finding,
    churn_metrics.value as figure,
    churn_metrics.ci_low,
    churn_metrics.ci_high,
    'rpt_churn_metrics' as source_mart
from churn_metrics
cross join horizon
cross join months
inner join model_status
    on model_status.model = 'churn' and model_status.model_status = 'ok'
union all
select
    20 as insight_order,
    'churn_predictability' as insight,
    model_status.explanation as finding,
    churn_metrics.value as figure,
    churn_metrics.ci_low,
    churn_metrics.ci_high,
    'rpt_model_status' as source_mart
from model_status
left join churn_metrics on model_status.model_status = 'not_predictive'
where model_status.model_status = 'not_predictive'
