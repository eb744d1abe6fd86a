with reasons as (

    select * from {{ ref("ml_churn_reasons") }}

),

features as (

    select * from {{ ref("churn_features") }}

)

select
    cast(reasons.customer_id as varchar) as customer_id,
    cast(reasons.reason_rank as integer) as reason_rank,
    cast(reasons.feature_group as varchar) as feature_group,
    cast(reasons.feature as varchar) as feature,
    cast(reasons.feature_value as double) as feature_value,
    cast(reasons.typical_value as double) as typical_value,
    cast(reasons.contribution as double) as contribution,
    reasons.contribution > 0 as is_raising_risk,
    cast(
        coalesce(features.label, reasons.feature) || ': '
        || {{ format_measure("reasons.feature_value") }} || ' (typical: '
        || {{ format_measure("reasons.typical_value") }} || ')' as varchar
    ) as reason
from reasons
left join features on reasons.feature = features.feature
