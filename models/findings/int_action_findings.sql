{%- set money = "(select currency from " ~ ref("stg_shop__rules") ~ ") || ' ' || " -%}
with model_status as (

    select * from {{ ref("rpt_model_status") }}

),

customers as (

    select * from {{ ref("dim_customers") }}

),

-- Where a model can tell who leaves.
judged_rankings as (

    select backtest.*
    from {{ ref("rpt_action_backtest") }} as backtest
    inner join model_status
        on model_status.model = 'churn' and model_status.model_status = 'ok'

),

-- The top decile of every ranking at the test cutoff.
action_backtest as (

    select
        max(cutoff_date) as cutoff_date,
        max(case when ranking = 'value_at_risk' then lost_revenue_share end)
            as share_of_list,
        max(case when ranking = 'value_at_risk' then ci_low end) as ci_low,
        max(case when ranking = 'value_at_risk' then ci_high end) as ci_high,
        max(case when ranking = 'value_at_risk' then gain_on_value_alone end) as gain,
        max(case when ranking = 'value_at_risk' then gain_low end) as gain_low,
        max(case when ranking = 'value_at_risk' then gain_high end) as gain_high,
        max(case when ranking = 'spend_if_staying' then lost_revenue_share end)
            as share_by_value,
        max(case when ranking = 'churn_probability' then lost_revenue_share end)
            as share_by_risk,
        max(case when ranking = 'days_since_last_order' then lost_revenue_share end)
            as share_by_recency
    from judged_rankings
    where top_percent = 10

),

offers as (

    select
        sum(customers - held_out_customers) as customers,
        sum(expected_gain) as expected_gain
    from {{ ref("rpt_actions") }}
    where offer_cost > 0

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

)

select
    21 as insight_order,
    'who_to_contact_first' as insight,
    'Backtest on ' || cast(cutoff_date as string)
    || ': the top decile of the list held ' || {{ format_percent("share_of_list") }}
    || ' of the revenue that later churners would have brought (value alone '
    || {{ format_percent("share_by_value") }} || ', risk alone '
    || {{ format_percent("share_by_risk") }} || ', longest silence first '
    || {{ format_percent("share_by_recency") }} || ', random 10 %). '
    || case
        when gain_low > 0 then 'The list beats value alone by '
        when gain_high < 0 then 'Value alone does better; the list gains '
        else 'The list does not measurably beat value alone: it gains '
    end
    || cast({{ round_to("100 * gain", 1) }} as string) || ' points (95 % interval '
    || cast({{ round_to("100 * gain_low", 1) }} as string) || ' to '
    || cast({{ round_to("100 * gain_high", 1) }} as string) || ').' as finding,
    share_of_list as figure,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high,
    'rpt_action_backtest' as source_mart
from action_backtest
where share_of_list is not null
union all
select
    22 as insight_order,
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
