{%- set money = "(select currency from " ~ ref("stg_shop__rules") ~ ") || ' ' || " -%}
with model_status as (

    select * from {{ ref("rpt_model_status") }}

),

told as (

    select
        max(case when model = 'churn' then model_status end) = 'ok' as is_churn_told,
        max(case when model = 'segments' then model_status end) = 'ok'
            as are_segments_told,
        max(case when model = 'clusters' then model_status end) = 'ok'
            as are_clusters_told
    from model_status

),

concentration as (

    select * from {{ ref("rpt_revenue_concentration") }}

),

segments as (

    select * from {{ ref("rpt_segments") }}

),

customers as (

    select * from {{ ref("dim_customers") }}

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

-- What goes with churn is told where a model can tell who leaves.
drivers as (

    select * from {{ ref("rpt_churn_drivers") }}
    where (select told.is_churn_told from told)

),


-- What the first tenth of the list would have held at the test cutoff.
action_backtest as (

    select
        max(case when ranking = 'value_at_risk' then leaver_revenue_share end)
            as share_by_value,
        max(case when ranking = 'value_at_risk' then ci_low end) as ci_low,
        max(case when ranking = 'value_at_risk' then ci_high end) as ci_high,
        max(case when ranking = 'churn_probability' then leaver_revenue_share end)
            as share_by_risk
    from {{ ref("rpt_action_backtest") }}
    where top_percent = 10 and (select told.is_churn_told from told)

),

offers as (

    select
        sum(customers - held_out_customers) as customers,
        sum(expected_gain) as expected_gain
    from {{ ref("rpt_actions") }}
    where offer_cost > 0

),

horizon as (

    select max(horizon_days) as horizon_days from {{ ref("fct_churn_backtest") }}

),

monthly_revenue as (

    select
        {{ share_of("sum(net_revenue_anonymous)", "sum(net_revenue)") }}
            as anonymous_share
    from {{ ref("rpt_monthly_revenue") }}

),

clusters as (

    select
        *,
        row_number()
            over (order by net_revenue_share desc, cluster_id asc)
            as revenue_rank
    from {{ ref("rpt_cluster_profiles") }}

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
            partition by feature order by feature_quarter
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
        row_number() over (order by abs(feature_auc - 0.5) desc, feature) as driver_rank
    from driver_contrasts

),

-- Whom to act on: the same effort by value at risk and by risk alone.
ranked_customers as (

    select
        value_at_risk,
        count(*) over () as customers,
        row_number() over (order by value_at_risk desc, customer_id asc) as value_rank,
        row_number()
            over (order by churn_probability desc, customer_id asc)
            as risk_rank
    from customers
    where value_at_risk is not null and coalesce(may_be_contacted, true)

),

consent as (

    select
        count(*) as customers,
        count(may_be_contacted) as stated_customers,
        count(case when not may_be_contacted then 1 end) as refusing_customers,
        count(case when contact_refusal = 'do_not_contact' then 1 end)
            as listed_customers,
        count(case when contact_refusal = 'consent' then 1 end) as refused_customers,
        count(case when contact_refusal = 'unknown_word' then 1 end)
            as unclear_customers,
        max(case when contact_refusal = 'unknown_word' then consent_word end)
            as unclear_word
    from customers

),

contact_lists as (

    select
        sum(case when value_rank <= ceil(customers / 10.0) then value_at_risk end)
            as by_value,
        sum(case when risk_rank <= ceil(customers / 10.0) then value_at_risk end)
            as by_risk,
        count(case when value_rank <= ceil(customers / 10.0) then 1 end)
            as contacted_customers,
        sum(value_at_risk) as value_at_risk
    from ranked_customers

),

insights as (

    select
        1 as insight_order,
        'revenue_concentration' as insight,
        'The top 10 % of customers bring ' || {{ format_percent("net_revenue_share") }}
        || ' of the net revenue of all customers (Gini '
        || cast(round(gini, 2) as varchar) || ').' as finding,
        net_revenue_share as figure,
        null as ci_low,
        null as ci_high,
        'rpt_revenue_concentration' as source_mart
    from concentration
    where top_percent = 10 and customers > 1
    union all
    select
        1 + segment_rank as insight_order,
        'segment_value: ' || segment as insight,
        segment || ': ' || {{ count_noun("customers", "customer") }} || ' ('
        || {{ format_percent("customer_share") }} || ') with '
        || {{ format_percent("net_revenue_share") }} || ' of net revenue'
        || case
            when repurchase_rate_90d is null then ''
            else '; of those in it on ' || cast(validity_as_of_date as varchar) || ', '
                || {{ format_percent("repurchase_rate_90d") }}
                || ' bought within the next 90 days'
        end || '.' as finding,
        net_revenue_share as figure,
        null as ci_low,
        null as ci_high,
        'rpt_segments' as source_mart
    from segments
    where (select told.are_segments_told from told)
    union all
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
        null as ci_low,
        null as ci_high,
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
        || cast(round(churn_metrics.value, 3) as varchar)
        || coalesce(
            ' [' || cast(round(churn_metrics.ci_low, 3) as varchar) || '–'
            || cast(round(churn_metrics.ci_high, 3) as varchar) || ']', ''
        ) || ' on months the model has not seen.' as finding,
        churn_metrics.value as figure,
        churn_metrics.ci_low,
        churn_metrics.ci_high,
        'rpt_churn_metrics' as source_mart
    from churn_metrics
    cross join horizon
    inner join told on told.is_churn_told
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
    union all
    select
        21 as insight_order,
        'whom_to_act_on' as insight,
        'Write first to the ' || {{ count_noun("contacted_customers", "customer") }}
        || ' with the most value at risk: '
        || case when contacted_customers = 1 then 'it holds ' else 'they hold ' end
        || {{ format_percent("by_value / nullif(value_at_risk, 0)") }} || ' of '
        || {{ money }}{{ format_integer("value_at_risk") }}
        || ' at risk; as many picked by risk alone hold '
        || {{ format_percent("by_risk / nullif(value_at_risk, 0)") }} || '.' as finding,
        by_value / nullif(value_at_risk, 0) as figure,
        null as ci_low,
        null as ci_high,
        'dim_customers' as source_mart
    from contact_lists
    where by_value > by_risk
    union all
    select
        22 as insight_order,
        'whom_to_act_on_backtest' as insight,
        'At the test cutoff, the first tenth of such a list held '
        || {{ format_percent("share_by_value") }}
        || ' of the past revenue of the customers who then left; the first tenth of a'
        || ' list by risk alone held '
        || {{ format_percent("share_by_risk") }} || '.' as finding,
        share_by_value as figure,
        ci_low,
        ci_high,
        'rpt_action_backtest' as source_mart
    from action_backtest
    where share_by_value > share_by_risk
    union all
    select
        23 as insight_order,
        'offers_that_pay' as insight,
        'Offers to ' || {{ count_noun("customers", "customer") }}
        || ' are expected to bring ' || {{ money }}{{ format_integer("expected_gain") }}
        || ' after their cost, if the assumed response, margin and cost hold;'
        || ' a campaign with held-out customers measures them.' as finding,
        expected_gain as figure,
        null as ci_low,
        null as ci_high,
        'rpt_actions' as source_mart
    from offers
    where customers > 0 and expected_gain > 0
    union all
    select
        24 as insight_order,
        'cluster_value' as insight,
        'The cluster "' || cluster_name || '" has '
        || {{ format_percent("customer_share") }} || ' of customers and '
        || {{ format_percent("net_revenue_share") }}
        || ' of net revenue.' as finding,
        net_revenue_share as figure,
        null as ci_low,
        null as ci_high,
        'rpt_cluster_profiles' as source_mart
    from clusters
    where revenue_rank = 1 and (select told.are_clusters_told from told)
    union all
    select
        25 as insight_order,
        'anonymous_revenue' as insight,
        {{ format_percent("anonymous_share") }}
        || ' of net revenue has no customer: it counts in sales,'
        || ' and in no figure about customers.'
            as finding,
        anonymous_share as figure,
        null as ci_low,
        null as ci_high,
        'rpt_monthly_revenue' as source_mart
    from monthly_revenue
    where anonymous_share between 0.005 and 1
    union all
    select
        26 as insight_order,
        'consent' as insight,
        case
            when stated_customers = 0
                then 'Consent is unknown: the data do not say who refused to be'
                    || ' contacted.'
            else
                {{ count_noun("refusing_customers", "customer") }} || ' on no list: '
                || {{ format_integer("listed_customers") }}
                || ' by do_not_contact.csv, '
                || {{ format_integer("refused_customers") }} || ' by refusal, '
                || {{ format_integer("unclear_customers") }}
                || ' by a word of consent that is not known'
                || coalesce(' (' || unclear_word || ')', '') || '; consent of '
                || {{ count_noun("customers - stated_customers", "customer") }}
                || ' is unknown.'
        end as finding,
        refusing_customers as figure,
        null as ci_low,
        null as ci_high,
        'dim_customers' as source_mart
    from consent
    where customers > 0
    union all
    select
        26 + row_number() over (order by model) as insight_order,
        case
            when model_status.model_status = 'insufficient_data' then 'not_modelled: '
            when model_status.model_status = 'too_thin' then 'too_thin: '
            else 'modelled_in_part: '
        end || model as insight,
        explanation as finding,
        null as figure,
        null as ci_low,
        null as ci_high,
        'rpt_model_status' as source_mart
    from model_status
    where model_status.model_status not in ('ok', 'not_predictive')

)

select
    cast(insight_order as integer) as insight_order,
    cast(insight as varchar) as insight,
    cast(finding as varchar) as finding,
    cast(figure as double) as figure,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high,
    cast(source_mart as varchar) as source_mart
from insights
where finding is not null
