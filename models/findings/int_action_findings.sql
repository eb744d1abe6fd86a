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

-- What the first tenth of the list would have held at the test cutoff.
action_backtest as (

    select
        max(case when ranking = 'value_at_risk' then leaver_revenue_share end)
            as share_by_value,
        max(case when ranking = 'value_at_risk' then ci_low end) as ci_low,
        max(case when ranking = 'value_at_risk' then ci_high end) as ci_high,
        max(case when ranking = 'churn_probability' then leaver_revenue_share end)
            as share_by_risk
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

)

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
    cast(null as double) as ci_low,
    cast(null as double) as ci_high,
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
