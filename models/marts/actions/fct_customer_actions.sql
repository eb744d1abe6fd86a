{%- set money = "(select currency from " ~ ref("stg_shop__rules") ~ ") || ' ' || " -%}
with playbook as (

    select
        actions.*,
        -- Measured where campaigns have measured it, else assumed.
        coalesce(
            responses.list_response_rate, actions.response_rate,
            {{ var("offer_response_rate") }}
        ) as expected_response_rate,
        coalesce(actions.offer_cost, {{ var("offer_cost") }}) as assumed_offer_cost
    from {{ ref("action_playbook") }} as actions
    left join {{ ref("int_campaign_responses") }} as responses
        on actions.action = responses.action

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

tenures as (

    select
        customers.*,
        customers.days_since_last_order >= horizon.horizon_days as is_silent,
        coalesce(not customers.may_be_contacted, false) as has_refused,
        segments_status.model_status = 'ok' as are_segments_told,
        {{ day_difference("customers.first_order_date", "as_of.as_of_date") }}
            as tenure_days
    from {{ ref("dim_customers") }} as customers
    cross join as_of
    cross join horizon
    -- Where scores only rank a handful of customers, no rule may go by the segment.
    cross join {{ ref("int_segment_status") }} as segments_status

),

-- The first rule that holds, so that every customer has one action. An offer gains what
-- is at risk, times the share of churners that it keeps, times margin.
first_matches as (

    select
        tenures.customer_id,
        min(playbook.rule_rank) as rule_rank
    from tenures
    inner join playbook
        on
            tenures.has_refused = (playbook.action = 'do_not_contact')
            and (
                playbook.segments is null
                or tenures.are_segments_told
                and '|' || playbook.segments || '|'
                like '%|' || tenures.segment || '|%'
            )
            and (
                playbook.churn_risks is null
                or '|' || playbook.churn_risks || '|'
                like '%|' || tenures.churn_risk || '|%'
            )
            and coalesce(tenures.purchase_days <= playbook.max_purchase_days, true)
            and coalesce(tenures.tenure_days <= playbook.max_tenure_days, true)
            and coalesce(tenures.return_rate > playbook.min_return_rate, true)
            and (not playbook.needs_silence or tenures.is_silent)
            and (
                not playbook.needs_gain
                or playbook.expected_response_rate * {{ var("offer_margin") }}
                * tenures.value_at_risk > playbook.assumed_offer_cost
            )
    group by tenures.customer_id

),

ranked as (

    select
        tenures.*,
        playbook.action,
        playbook.rule_rank as action_rank,
        playbook.label as action_label,
        playbook.min_return_rate,
        playbook.max_purchase_days,
        playbook.is_contact,
        playbook.valid_days,
        playbook.assumed_offer_cost as offer_cost,
        playbook.expected_response_rate as response_rate,
        row_number() over (
            order by
                tenures.has_refused asc nulls last,
                tenures.value_at_risk desc nulls last,
                {# Without a model of churn, whoever spent most comes first. #}
                tenures.net_revenue desc,
                tenures.customer_id asc nulls last
        ) as priority
    from tenures
    inner join first_matches on tenures.customer_id = first_matches.customer_id
    inner join playbook on first_matches.rule_rank = playbook.rule_rank

),

-- The strongest reason on either side of the average.
strongest_reasons as (

    select
        *,
        row_number() over (
            partition by customer_id, is_raising_risk order by reason_rank nulls last
        ) as place
    from {{ ref("fct_churn_reasons") }}

)

select
    ranked.customer_id,
    ranked.segment,
    ranked.churn_risk,
    ranked.country,
    cast(ranked.action as string) as action,
    cast(ranked.action_rank as integer) as action_rank,
    cast(ranked.action_label as string) as action_label,
    cast(
        case ranked.contact_refusal
            when 'do_not_contact' then 'Listed in do_not_contact.csv'
            when 'consent' then 'Refused to be contacted'
            when 'unknown_word' then 'Consent is stated in a word that is not known'
            else
                ranked.segment || coalesce(
                    ', ' || {{ format_percent("ranked.churn_probability") }}
                    || ' risk of no order in ' || cast(horizon.horizon_days as string)
                    || ' days', ''
                )
        end as string
    ) as reason_1,
    cast(
        case
            when ranked.has_refused then null
            when ranked.min_return_rate is not null
                then {{ format_percent("ranked.return_rate") }}
                    || ' of what was ordered came back'
            when ranked.max_purchase_days is not null or ranked.value_at_risk is null
                then {{ count_noun("ranked.purchase_days", "purchase day") }}
                    || ', the last ' || {{ count_noun(
                        "ranked.days_since_last_order", "day"
                    ) }} || ' ago'
            else
                {{ money }}{{ format_integer("ranked.value_at_risk") }}
                || ' of spending at risk'
        end as string
    ) as reason_2,
    cast(reasons.reason as string) as reason_3,
    ranked.churn_probability,
    ranked.predicted_value_90d,
    ranked.value_at_risk,
    cast(ranked.offer_cost as decimal(38, 4)) as offer_cost,
    cast(ranked.response_rate as double) as response_rate,
    cast(
        ranked.offer_cost * 1e0
        / nullif({{ var("offer_margin") }} * ranked.value_at_risk, 0) as double
    ) as break_even_response,
    {{ as_decimal(
        "ranked.response_rate * " ~ var("offer_margin")
        ~ " * ranked.value_at_risk - ranked.offer_cost"
    ) }} as expected_gain,
    cast(ranked.priority as integer) as priority,
    cast(suggestions.stock_code as string) as suggested_stock_code,
    cast(suggestions.description as string) as suggested_description,
    cast('{{ var("campaign") }}' as string) as campaign,
    ranked.is_contact,
    ranked.is_contact and {{ stable_uniform(
        "ranked.customer_id || '|" ~ var("campaign") ~ "'"
    ) }} < {{ var("holdout_share") }} as is_holdout,
    {{ add_days("ranked.valid_days", "as_of.as_of_date") }} as valid_until
from ranked
cross join as_of
cross join horizon
left join {{ ref("int_product_suggestions") }} as suggestions
    on
        ranked.customer_id = suggestions.customer_id
        and ranked.max_purchase_days is not null
        and ranked.is_contact
left join strongest_reasons as reasons
    on
        ranked.customer_id = reasons.customer_id
        and not ranked.has_refused
        and (ranked.churn_risk <> 'low') = reasons.is_raising_risk
        and reasons.place = 1
