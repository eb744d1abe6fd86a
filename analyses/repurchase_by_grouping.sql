-- Which way of grouping customers says best who will buy again? One row per grouping,
-- judged at the test cutoff of the churn models on the purchases of the churn window.
--
-- Run: dbt show --select repurchase_by_grouping --output json
--
-- How to read it: a grouping ranks customers by how many of its group bought again in
-- the training windows, which were over before the test cutoff; churn deciles by their
-- mean predicted probability. roc_auc is how often who bought again stands above who
-- did not; lowest and highest_rate are the repurchase rates of the worst and best
-- group at the test; rate_error is by how much the promised rate of a customer's group
-- missed.
--
-- What could not be known then: segments, bands and deciles use what was dated before
-- the cutoff. Clusters are fitted on the present only, so customers of the past are
-- put to the nearest of today's centroids by their measures then. Where those
-- centroids lie was not known, so that the figure of the clusters is an upper bound.
with examples as (

    select
        customer_id,
        cutoff_date,
        cutoff_date as as_of_date,
        example_set,
        days_since_last_order,
        purchase_days as frequency,
        net_revenue,
        case when has_churned then 0 else 1 end as has_repurchased
    from {{ ref("int_churn_examples") }}
    where example_set in ('train', 'test')

),

scored as (

    {{ tie_safe_scores("examples") }}

),

customers as (

    select * from {{ ref("dim_customers") }}
    where cluster_id is not null

),

-- The scale of the clusters: of the logarithms of the customers of today.
scales as (

    select
        stddev_pop(ln(1 + days_since_last_order)) as days,
        stddev_pop(ln(1 + purchase_days)) as purchase_days,
        stddev_pop(ln(1 + cast(greatest(net_revenue, 0) as double))) as revenue
    from customers

),

distances as (

    select
        examples.customer_id,
        examples.cutoff_date,
        profiles.cluster_name,
        row_number() over (
            partition by examples.cutoff_date, examples.customer_id
            order by
                power((
                    ln(1 + examples.days_since_last_order)
                    - ln(1 + profiles.centroid_days_since_last_order)
                ) / nullif(scales.days, 0), 2)
                + power((
                    ln(1 + examples.frequency) - ln(1 + profiles.centroid_frequency)
                ) / nullif(scales.purchase_days, 0), 2)
                + power((
                    ln(1 + greatest(examples.net_revenue, 0))
                    - ln(1 + profiles.centroid_net_revenue)
                ) / nullif(scales.revenue, 0), 2) nulls last,
                profiles.cluster_id nulls last
        ) as nearness
    from examples
    cross join {{ ref("rpt_cluster_profiles") }} as profiles
    cross join scales

),

churn_deciles as (

    select
        ranked.customer_id,
        ranked.cutoff_date,
        ranked.score_decile,
        ranked.churn_probability
    from {{ ref("ml_churn_backtest_ranked") }} as ranked
    inner join {{ ref("rpt_churn_model_selection") }} as selection
        on ranked.model = selection.model and selection.is_chosen
    where ranked.population = 'all_known'

),

learned_groups as (

    select
        'RFM segments' as grouping_name,
        rfm_segments.segment as group_name,
        scored.customer_id,
        scored.example_set,
        scored.has_repurchased
    from scored
    inner join {{ ref("rfm_segments") }} as rfm_segments
        on
            scored.r_score = rfm_segments.r_score
            and scored.f_score = rfm_segments.f_score
            and scored.m_score = rfm_segments.m_score
    union all
    select
        'clusters (centroids of today)' as grouping_name,
        distances.cluster_name as group_name,
        examples.customer_id,
        examples.example_set,
        examples.has_repurchased
    from examples
    inner join distances
        on
            examples.customer_id = distances.customer_id
            and examples.cutoff_date = distances.cutoff_date
            and distances.nearness = 1
    union all
    select
        'bands of days since last order' as grouping_name,
        case
            when days_since_last_order <= 30 then 'up to 30'
            when days_since_last_order <= 60 then 'up to 60'
            when days_since_last_order <= 90 then 'up to 90'
            when days_since_last_order <= 180 then 'up to 180'
            else 'longer'
        end as group_name,
        customer_id,
        example_set,
        has_repurchased
    from examples
    union all
    select
        'quintiles by purchase days' as grouping_name,
        cast(f_score as string) as group_name,
        customer_id,
        example_set,
        has_repurchased
    from scored

),

promised as (

    select
        grouping_name,
        group_name,
        avg(has_repurchased * 1e0) as promised_rate
    from learned_groups
    where example_set = 'train'
    group by grouping_name, group_name

),

tested as (

    select
        learned_groups.grouping_name,
        learned_groups.group_name,
        learned_groups.has_repurchased,
        promised.promised_rate
    from learned_groups
    inner join promised
        on
            learned_groups.grouping_name = promised.grouping_name
            and learned_groups.group_name = promised.group_name
    where learned_groups.example_set = 'test'
    union all
    select
        'deciles by churn probability' as grouping_name,
        cast(churn_deciles.score_decile as string) as group_name,
        examples.has_repurchased,
        avg(1 - churn_deciles.churn_probability) over (
            partition by churn_deciles.score_decile
        ) as promised_rate
    from examples
    inner join churn_deciles
        on
            examples.customer_id = churn_deciles.customer_id
            and examples.cutoff_date = churn_deciles.cutoff_date
    where examples.example_set = 'test'

),

group_rates as (

    select
        grouping_name,
        group_name,
        max(promised_rate) as promised_rate,
        count(*) as customers,
        sum(has_repurchased) as repurchasers
    from tested
    group by grouping_name, group_name

),

-- Mann and Whitney (1947) over groups: equal promises share their rank.
placed as (

    select
        *,
        repurchasers * 1e0 / customers as rate,
        sum(repurchasers) over (partition by grouping_name) as all_repurchasers,
        sum(customers - repurchasers) over (partition by grouping_name) as all_others,
        sum(customers - repurchasers) over (
            partition by grouping_name
            order by promised_rate nulls last
            range between unbounded preceding and current row
        ) as others_up_to,
        sum(customers - repurchasers) over (
            partition by grouping_name, promised_rate
        ) as others_beside
    from group_rates

)

select
    grouping_name,
    count(*) as groups,
    cast(sum(customers) as bigint) as customers,
    cast(
        sum(repurchasers * (others_up_to - others_beside / 2e0)) * 1e0
        / nullif(max(all_repurchasers) * 1e0 * max(all_others), 0) as double
    ) as roc_auc,
    cast(min(rate) as double) as lowest_rate,
    cast(max(rate) as double) as highest_rate,
    cast(sum(customers * abs(rate - promised_rate)) * 1e0 / sum(customers) as double)
        as rate_error
from placed
group by grouping_name
order by roc_auc desc, grouping_name asc nulls last
