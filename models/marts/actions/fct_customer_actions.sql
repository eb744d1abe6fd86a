{%- set money = "(select currency from " ~ ref("stg_shop__rules") ~ ") || ' ' || " -%}
with customers as (

    select * from {{ ref("dim_customers") }}

),

playbook as (

    select
        *,
        coalesce(response_rate, {{ var("offer_response_rate") }})
            as assumed_response_rate,
        coalesce(offer_cost, {{ var("offer_cost") }}) as assumed_offer_cost
    from {{ ref("action_playbook") }}

),

reasons as (

    select * from {{ ref("fct_churn_reasons") }}

),

customer_products as (

    select * from {{ ref("int_customer_products") }}

),

affinities as (

    select * from {{ ref("rpt_product_affinity") }}
    where is_confirmed

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

-- Where scores only rank a handful of customers, no rule may go by the segment.
segments_status as (

    select model_status = 'ok' as are_segments_told from {{ ref("int_segment_status") }}

),

tenures as (

    select
        customers.*,
        customers.days_since_last_order >= horizon.horizon_days as is_silent,
        coalesce(not customers.may_be_contacted, false) as has_refused,
        segments_status.are_segments_told,
        {{ day_difference("customers.first_order_date", "as_of.as_of_date") }}
            as tenure_days
    from customers
    cross join as_of
    cross join horizon
    cross join segments_status

),

-- What is at risk, times the share of churners that the offer keeps, times margin.
matches as (

    select
        tenures.customer_id,
        playbook.rule_rank
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
            and (
                playbook.max_purchase_days is null
                or tenures.purchase_days <= playbook.max_purchase_days
            )
            and (
                playbook.max_tenure_days is null
                or tenures.tenure_days <= playbook.max_tenure_days
            )
            and (
                playbook.min_return_rate is null
                or tenures.return_rate > playbook.min_return_rate
            )
            and (not playbook.needs_silence or tenures.is_silent)
            and (
                not playbook.needs_gain
                or playbook.assumed_response_rate * {{ var("offer_margin") }}
                * tenures.value_at_risk > playbook.assumed_offer_cost
            )

),

-- The first rule that holds, so that every customer has one action.
first_matches as (

    select
        customer_id,
        min(rule_rank) as rule_rank
    from matches
    group by customer_id

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
        playbook.assumed_response_rate as response_rate,
        row_number() over (
            order by
                tenures.has_refused asc,
                tenures.value_at_risk desc nulls last,
                {# Without a model of churn, whoever spent most comes first. #}
                tenures.net_revenue desc,
                tenures.customer_id asc
        ) as priority
    from tenures
    inner join first_matches on tenures.customer_id = first_matches.customer_id
    inner join playbook on first_matches.rule_rank = playbook.rule_rank

),

-- For actions on first orders: what goes with a product of theirs and is new to them,
-- the surest pair first.
suggestions as (

    select
        ranked.customer_id,
        affinities.other_stock_code as stock_code,
        affinities.other_description as description,
        row_number() over (
            partition by ranked.customer_id
            order by
                affinities.g_statistic desc,
                affinities.other_stock_code asc,
                affinities.stock_code asc
        ) as place
    from ranked
    inner join customer_products
        on ranked.customer_id = customer_products.customer_id
    inner join affinities on customer_products.stock_code = affinities.stock_code
    left join customer_products as bought_before
        on
            ranked.customer_id = bought_before.customer_id
            and affinities.other_stock_code = bought_before.stock_code
    where
        ranked.max_purchase_days is not null
        and ranked.is_contact
        and bought_before.stock_code is null

),

-- The strongest reason that speaks for the side of the average the customer is on.
model_reasons as (

    select
        ranked.customer_id,
        min(reasons.reason_rank) as reason_rank
    from ranked
    inner join reasons
        on
            ranked.customer_id = reasons.customer_id
            and not ranked.has_refused
            and (ranked.churn_risk <> 'low') = reasons.is_raising_risk
    group by ranked.customer_id

)

select
    ranked.customer_id,
    ranked.segment,
    ranked.churn_risk,
    ranked.country,
    cast(ranked.action as varchar) as action,
    cast(ranked.action_rank as integer) as action_rank,
    cast(ranked.action_label as varchar) as action_label,
    cast(
        case ranked.contact_refusal
            when 'do_not_contact' then 'Listed in do_not_contact.csv'
            when 'consent' then 'Refused to be contacted'
            when 'unknown_word' then 'Consent is stated in a word that is not known'
            else
                ranked.segment || coalesce(
                    ', ' || {{ format_percent("ranked.churn_probability") }}
                    || ' risk of no order in ' || cast(horizon.horizon_days as varchar)
                    || ' days', ''
                )
        end as varchar
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
        end as varchar
    ) as reason_2,
    cast(reasons.reason as varchar) as reason_3,
    ranked.churn_probability,
    ranked.predicted_value_90d,
    ranked.value_at_risk,
    cast(ranked.offer_cost as decimal(38, 4)) as offer_cost,
    cast(ranked.response_rate as double) as response_rate,
    cast(
        ranked.offer_cost
        / nullif({{ var("offer_margin") }} * ranked.value_at_risk, 0) as double
    ) as break_even_response,
    cast(
        ranked.response_rate * {{ var("offer_margin") }} * ranked.value_at_risk
        - ranked.offer_cost as decimal(38, 4)
    ) as expected_gain,
    cast(ranked.priority as integer) as priority,
    cast(suggestions.stock_code as varchar) as suggested_stock_code,
    cast(suggestions.description as varchar) as suggested_description,
    cast('{{ var("campaign") }}' as varchar) as campaign,
    ranked.is_contact,
    ranked.is_contact and {{ stable_uniform(
        "ranked.customer_id || '|" ~ var("campaign") ~ "'"
    ) }} < {{ var("holdout_share") }} as is_holdout,
    {{ add_days("ranked.valid_days", "as_of.as_of_date") }} as valid_until
from ranked
cross join as_of
cross join horizon
left join suggestions
    on ranked.customer_id = suggestions.customer_id and suggestions.place = 1
left join model_reasons on ranked.customer_id = model_reasons.customer_id
left join reasons
    on
        model_reasons.customer_id = reasons.customer_id
        and model_reasons.reason_rank = reasons.reason_rank
