{%- set features = churn_features() -%}
with examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'test'

),

labels as (

    select * from {{ ref("churn_features") }}

),

long as (

    {% for feature in features -%}
        select
            customer_id,
            cutoff_date,
            has_churned,
            '{{ feature }}' as feature,
            cast({{ feature }} as double) as feature_value
        from examples
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

defined as (

    select * from long
    where feature_value is not null

),

ranked as (

    select
        *,
        rank() over (
            partition by cutoff_date, feature order by feature_value nulls last
        ) as feature_rank,
        count(*) over (
            partition by cutoff_date, feature, feature_value
        ) as ties,
        count(*) over (partition by cutoff_date, feature) as customers
    from defined

),

-- Equal values share a quarter, so quarters of counts can be uneven or missing.
quartered as (

    select
        *,
        cast(1 + floor(4e0 * (feature_rank - 1) / customers) as integer)
            as feature_quarter
    from ranked

),

feature_aucs as (

    select
        cutoff_date,
        feature,
        {{ rank_auc("cast(has_churned as integer)", "feature_rank", "ties") }}
            as feature_auc
    from ranked
    group by cutoff_date, feature

),

quarters as (

    select
        cutoff_date,
        feature,
        feature_quarter,
        min(feature_value) as lowest_value,
        max(feature_value) as highest_value,
        count(*) as customers,
        {{ proportion("sum(cast(has_churned as integer))", "count(*)") }}
            as churn_rate
    from quartered
    group by cutoff_date, feature, feature_quarter

)

select
    quarters.cutoff_date,
    cast(quarters.feature as string) as feature,
    cast(labels.label as string) as feature_label,
    quarters.feature_quarter,
    quarters.lowest_value,
    quarters.highest_value,
    cast(quarters.customers as bigint) as customers,
    cast(quarters.churn_rate as double) as churn_rate,
    cast(feature_aucs.feature_auc as double) as feature_auc
from quarters
left join labels on quarters.feature = labels.feature
inner join feature_aucs
    on
        quarters.cutoff_date = feature_aucs.cutoff_date
        and quarters.feature = feature_aucs.feature
