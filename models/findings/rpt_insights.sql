with model_status as (

    select * from {{ ref("rpt_model_status") }}

),

insights as (

    select * from {{ ref("int_revenue_findings") }}
    union all
    select * from {{ ref("int_churn_findings") }}
    union all
    select * from {{ ref("int_action_findings") }}
    union all
    select
        26 + row_number() over (order by model nulls last) as insight_order,
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
    cast(insight as string) as insight,
    cast(finding as string) as finding,
    cast(figure as double) as figure,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high,
    cast(source_mart as string) as source_mart
from insights
where finding is not null
