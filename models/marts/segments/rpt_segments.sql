{%- set money = "(select currency from " ~ ref("stg_shop__rules") ~ ") || ' ' || " -%}
{%- set scores = {"last order": "r", "orders": "f", "money": "m"} -%}
with customers as (

    select * from {{ ref("dim_customers") }}

),

repurchase as (

    select * from {{ ref("rpt_segment_repurchase") }}

),

segments_status as (

    select model_status from {{ ref("int_segment_status") }}

),

segment_playbook as (

    select * from {{ ref("segment_playbook") }}

),

validity as (

    select
        segment,
        sum(customers) as customers,
        sum(repurchasers) as repurchasers
    from repurchase
    group by segment

),

validity_date as (

    select max(as_of_date) as as_of_date from repurchase

),

segments as (

    select
        segment,
        count(*) as customers,
        sum(net_revenue) as net_revenue,
        sum(orders) as orders,
        avg(cast(days_since_last_order as double)) as mean_days_since_last_order,
        {{ continuous_quantile("days_since_last_order", 0.5) }}
            as median_days_since_last_order,
        {{ continuous_quantile("purchase_days", 0.5) }} as median_purchase_days,
        {{ continuous_quantile("net_revenue", 0.5) }} as median_net_revenue,
        {{ within("avg(churn_probability)", "0.0", "1.0") }}
            as mean_churn_probability,
        sum(value_at_risk) as value_at_risk,
        {% for score in scores.values() -%}
            min({{ score }}_score) as lowest_{{ score }}_score,
            max({{ score }}_score) as highest_{{ score }}_score
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from customers
    group by segment

),

totals as (

    select
        sum(customers) as customers,
        sum(net_revenue) as net_revenue
    from segments

)

select
    cast(segments.segment as string) as segment,
    cast(segment_playbook.segment_rank as integer) as segment_rank,
    cast(
        'Scores: '
        {%- for name, score in scores.items() %}
            || '{{ name }} ' || segments.lowest_{{ score }}_score
            || case
                when segments.lowest_{{ score }}_score
                    < segments.highest_{{ score }}_score
                    then '–' || segments.highest_{{ score }}_score
                else ''
            end
            || '{{ ". " if loop.last else ", " }}'
        {%- endfor %}
        || 'Medians: last order ' || {{ count_noun(
            "round(segments.median_days_since_last_order)", "day"
        ) }} || ' ago, ' || {{ count_noun(
            "round(segments.median_purchase_days)", "purchase day"
        ) }} || ', ' || {{ money }}{{ format_integer("segments.median_net_revenue") }}
        || ' net revenue.' as string
    ) as meaning,
    cast(
        case
            when segments_status.model_status = 'ok'
                then segment_playbook.recommended_action
            else
                'None by segment: too few customers or days for it to say something'
        end as string
    ) as recommended_action,
    cast(segments.customers as bigint) as customers,
    {{ proportion("segments.customers", "totals.customers") }} as customer_share,
    cast(segments.net_revenue as decimal(38, 4)) as net_revenue,
    {{ share_of("segments.net_revenue", "totals.net_revenue") }}
        as net_revenue_share,
    {{ as_decimal("segments.net_revenue * 1e0 / nullif(segments.orders, 0)") }}
        as average_order_value,
    segments.mean_days_since_last_order,
    segments.median_days_since_last_order,
    segments.median_purchase_days,
    segments.median_net_revenue,
    segments.mean_churn_probability,
    cast(segments.value_at_risk as decimal(38, 4)) as value_at_risk,
    validity_date.as_of_date as validity_as_of_date,
    cast(validity.customers as bigint) as validity_customers,
    {{ proportion("validity.repurchasers", "validity.customers") }}
        as repurchase_rate_90d
from segments
cross join totals
cross join validity_date
cross join segments_status
inner join segment_playbook on segments.segment = segment_playbook.segment
left join validity on segments.segment = validity.segment
