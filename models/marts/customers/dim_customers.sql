with customers as (

    select * from {{ ref("int_customers_rfm") }}

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

-- The model that scores customers is chosen on the training side. What cannot tell who
-- leaves gives nobody a probability, so that nothing rests on one.
current_churn as (

    select
        scores.customer_id,
        case
            when churn_status.model_status = 'ok' then scores.churn_probability
        end as churn_probability,
        case
            when scores.churn_probability is null then 'insufficient_data'
            else churn_status.model_status
        end as model_status
    from {{ ref("ml_churn_scores") }} as scores
    cross join {{ ref("ml_churn_status") }} as churn_status

),

-- Capped before the cast: a rate near zero means more days than an integer holds.
current_value as (

    select
        *,
        cast(
            ceil(least(90e0 / nullif(predicted_purchase_days_90d, 0), 366)) as integer
        ) as days_until_one_order
    from {{ ref("ml_clv_predictions") }}

),

recent_revenue as (

    select
        customer_days.customer_id,
        sum(customer_days.net_revenue) as net_revenue_90d
    from {{ ref("int_customer_days") }} as customer_days
    inner join as_of
        on
            customer_days.activity_date
            > {{ add_days("-90", "as_of.as_of_date") }}
    group by customer_days.customer_id

),

latest_orders as (

    select
        customer_id,
        country,
        row_number() over (
            partition by customer_id order by ordered_at desc, order_id desc
        ) as order_recency
    from {{ ref("int_orders") }}
    where customer_id is not null

),

combined as (

    select
        customers.*,
        horizon.horizon_days,
        latest_orders.country,
        recent_revenue.net_revenue_90d,
        spend.spend_if_staying,
        clusters.cluster_id,
        clusters.cluster_name,
        consent.may_be_contacted,
        consent.contact_refusal,
        consent.consent_word,
        current_churn.churn_probability,
        coalesce(current_churn.model_status, 'insufficient_data') as model_status,
        current_value.predicted_purchase_days_90d,
        -- Beyond a year the date would say little more than that none is expected.
        case
            when current_value.days_until_one_order <= 365
                then {{ add_days(
                    "current_value.days_until_one_order", "as_of.as_of_date"
                ) }}
        end as expected_next_order_date,
        {% for level in (10, 50, 90) -%}
            current_value.next_order_days_p{{ level }},
        {% endfor -%}
        {% for at in ("90d", "90d_low", "90d_high", "365d", "365d_low", "365d_high") -%}
            current_value.predicted_value_{{ at }},
        {% endfor -%}
        current_value.value_forecast_90d,
        current_value.value_forecast_365d,
        current_value.p_alive,
        coalesce(current_value.model_status, 'insufficient_data') as clv_model_status,
        customers.first_order_date
        > {{ add_days("-" ~ (var("new_customer_days") | int), "as_of.as_of_date") }}
            as is_new,
        customers.last_order_date > {{ add_days("-90", "as_of.as_of_date") }}
            as is_active_90d
    from customers
    cross join as_of
    cross join horizon
    left join latest_orders
        on
            customers.customer_id = latest_orders.customer_id
            and latest_orders.order_recency = 1
    left join recent_revenue on customers.customer_id = recent_revenue.customer_id
    left join {{ ref("int_customer_spend") }} as spend
        on
            customers.customer_id = spend.customer_id
            and spend.cutoff_date = {{ add_days("1", "as_of.as_of_date") }}
    left join {{ ref("int_customer_consent") }} as consent
        on customers.customer_id = consent.customer_id
    left join {{ ref("ml_customer_clusters") }} as clusters
        on customers.customer_id = clusters.customer_id
    left join current_churn on customers.customer_id = current_churn.customer_id
    left join current_value on customers.customer_id = current_value.customer_id

)

select
    cast(customer_id as string) as customer_id,
    cast(country as string) as country,
    may_be_contacted,
    contact_refusal,
    cast(consent_word as string) as consent_word,
    as_of_date,
    first_order_date,
    last_order_date,
    days_since_last_order,
    orders,
    purchase_days,
    gross_revenue,
    returned_amount,
    discount_amount,
    net_revenue,
    cast(coalesce(net_revenue_90d, 0) as decimal(38, 4)) as net_revenue_90d,
    {{ as_decimal("net_revenue * 1e0 / nullif(orders, 0)") }} as average_order_value,
    cast(coalesce(
        (returned_amount - void_amount) * 1e0
        / nullif(gross_revenue - void_amount, 0), 0
    ) as double) as return_rate,
    r_score,
    f_score,
    m_score,
    cast(rfm_score as string) as rfm_score,
    cast(segment as string) as segment,
    is_new,
    is_active_90d,
    is_history_censored,
    cast(cluster_id as integer) as cluster_id,
    cast(cluster_name as string) as cluster_name,
    cast(churn_probability as double) as churn_probability,
    cast(case
        when churn_probability is null then 'unknown'
        when churn_probability >= {{ var("churn_risk_high") }} then 'high'
        when churn_probability >= {{ var("churn_risk_medium") }} then 'medium'
        else 'low'
    end as string) as churn_risk,
    -- What they would bring in a window if they stay, times the chance to lose it.
    {{ as_decimal("churn_probability * spend_if_staying") }} as value_at_risk,
    cast(model_status as string) as model_status,
    cast(predicted_purchase_days_90d as double) as predicted_purchase_days_90d,
    expected_next_order_date,
    {% for level in (10, 50, 90) -%}
        cast(next_order_days_p{{ level }} as integer) as next_order_days_p{{ level }},
    {% endfor -%}
    {% for days in (90, 365) -%}
        {%- for bound in ("", "_low", "_high") -%}
            {{ as_decimal("predicted_value_" ~ days ~ "d" ~ bound) }}
                as predicted_value_{{ days }}d{{ bound }},
        {% endfor -%}
        cast(value_forecast_{{ days }}d as string) as value_forecast_{{ days }}d,
    {% endfor -%}
    cast(p_alive as double) as p_alive,
    cast(clv_model_status as string) as clv_model_status
from combined
