with actions as (

    select * from {{ ref("fct_customer_actions") }}

),

customers as (

    select * from {{ ref("dim_customers") }}

),

playbook as (

    select * from {{ ref("action_playbook") }}

),

totals as (

    select
        actions.action,
        count(*) as customers,
        count(case when actions.is_holdout then 1 end) as held_out_customers,
        sum(customers.net_revenue) as net_revenue,
        sum(actions.value_at_risk) as value_at_risk,
        sum(case when not actions.is_holdout then actions.offer_cost else 0 end)
            as offer_cost,
        sum(case when not actions.is_holdout then actions.expected_gain end)
            as expected_gain
    from actions
    inner join customers on actions.customer_id = customers.customer_id
    group by actions.action

)

select
    cast(playbook.action as string) as action,
    cast(playbook.rule_rank as integer) as action_rank,
    cast(playbook.label as string) as action_label,
    cast(playbook.instruction as string) as instruction,
    playbook.is_contact,
    cast(coalesce(totals.customers, 0) as bigint) as customers,
    cast(coalesce(totals.held_out_customers, 0) as bigint) as held_out_customers,
    cast(coalesce(totals.net_revenue, 0) as decimal(38, 4)) as net_revenue,
    cast(totals.value_at_risk as decimal(38, 4)) as value_at_risk,
    cast(coalesce(totals.offer_cost, 0) as decimal(38, 4)) as offer_cost,
    cast(totals.expected_gain as decimal(38, 4)) as expected_gain,
    responses.response_rate as measured_response_rate,
    responses.response_rate_low as measured_response_low,
    responses.response_rate_high as measured_response_high,
    responses.list_response_rate is not null as is_response_measured
from playbook
left join totals on playbook.action = totals.action
left join {{ ref("int_campaign_responses") }} as responses
    on playbook.action = responses.action
