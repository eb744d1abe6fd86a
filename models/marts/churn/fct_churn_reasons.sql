with reasons as (

    select reasons.*
    from {{ ref("ml_churn_reasons") }} as reasons
    inner join {{ ref("ml_churn_status") }} as status
        on status.model_status = 'ok'

),

features as (

    select * from {{ ref("churn_features") }}

),

-- Models count days to the day after the as-of date, people to the as-of date itself.
told as (

    select
        reasons.customer_id,
        reasons.reason_rank,
        reasons.feature_group,
        reasons.feature,
        reasons.contribution,
        coalesce(features.label, reasons.feature) as label,
        {%- for value in ("feature_value", "typical_value") %}
            reasons.{{ value }}
            - case when features.counts_days_to_cutoff then 1 else 0 end as {{ value }}
            {%- if not loop.last %},{% endif -%}
        {%- endfor %}
    from reasons
    left join features on reasons.feature = features.feature

)

select
    cast(customer_id as string) as customer_id,
    cast(reason_rank as integer) as reason_rank,
    cast(feature_group as string) as feature_group,
    cast(feature as string) as feature,
    cast(feature_value as double) as feature_value,
    cast(typical_value as double) as typical_value,
    cast(contribution as double) as contribution,
    contribution > 0 as is_raising_risk,
    cast(
        label || ': ' || {{ format_measure("feature_value") }} || ' (typical: '
        || {{ format_measure("typical_value") }} || ')' as string
    ) as reason
from told
