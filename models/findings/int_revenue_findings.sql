with model_status as (

    select * from {{ ref("rpt_model_status") }}

),

concentration as (

    select * from {{ ref("rpt_revenue_concentration") }}

),

segments as (

    select segments.*
    from {{ ref("rpt_segments") }} as segments
    inner join model_status
        on model_status.model = 'segments' and model_status.model_status = 'ok'

),

monthly_revenue as (

    select
        {{ share_of("sum(net_revenue_anonymous)", "sum(net_revenue)") }}
            as anonymous_share
    from {{ ref("rpt_monthly_revenue") }}

),

clusters as (

    select
        clusters.*,
        row_number() over (
            order by clusters.net_revenue_share desc, clusters.cluster_id asc nulls last
        ) as revenue_rank
    from {{ ref("rpt_cluster_profiles") }} as clusters
    inner join model_status
        on model_status.model = 'clusters' and model_status.model_status = 'ok'

)

select
    1 as insight_order,
    'revenue_concentration' as insight,
    'The top 10 % of customers bring ' || {{ format_percent("net_revenue_share") }}
    || ' of the net revenue of all customers (Gini '
    || cast({{ round_to("gini", 2) }} as string) || ').' as finding,
    net_revenue_share as figure,
    cast(null as double) as ci_low,
    cast(null as double) as ci_high,
    'rpt_revenue_concentration' as source_mart
from concentration
where top_percent = 10 and customers > 1
union all
select
    1 + segment_rank as insight_order,
    'segment_value: ' || segment as insight,
    segment || ': ' || {{ count_noun("customers", "customer") }} || ' ('
    || {{ format_percent("customer_share") }} || ') with '
    || {{ format_percent("net_revenue_share") }} || ' of net revenue'
    || case
        when repurchase_rate_90d is null then ''
        else '; of those in it on ' || cast(validity_as_of_date as string) || ', '
            || {{ format_percent("repurchase_rate_90d") }}
            || ' bought within the next 90 days'
    end || '.' as finding,
    net_revenue_share as figure,
    null as ci_low,
    null as ci_high,
    'rpt_segments' as source_mart
from segments
union all
select
    24 as insight_order,
    'cluster_value' as insight,
    'The cluster "' || cluster_name || '" has '
    || {{ format_percent("customer_share") }} || ' of customers and '
    || {{ format_percent("net_revenue_share") }}
    || ' of net revenue.' as finding,
    net_revenue_share as figure,
    null as ci_low,
    null as ci_high,
    'rpt_cluster_profiles' as source_mart
from clusters
where revenue_rank = 1
union all
select
    25 as insight_order,
    'anonymous_revenue' as insight,
    {{ format_percent("anonymous_share") }}
    || ' of net revenue has no customer: it counts in sales,'
    || ' and in no figure about customers.'
        as finding,
    anonymous_share as figure,
    null as ci_low,
    null as ci_high,
    'rpt_monthly_revenue' as source_mart
from monthly_revenue
where anonymous_share between 0.005 and 1
