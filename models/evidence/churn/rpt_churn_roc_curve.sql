with ranked as (

    select * from {{ ref("ml_churn_backtest_ranked") }}

),

score_groups as (

    select
        model,
        cutoff_date,
        population,
        score_group,
        min(churn_probability) as threshold,
        sum(case when has_churned then 1 else 0 end) as churners,
        sum(case when has_churned then 0 else 1 end) as stayers
    from ranked
    group by model, cutoff_date, population, score_group

),

cumulated as (

    select
        *,
        sum(churners) over (
            partition by model, cutoff_date, population
            order by score_group nulls last
            rows between unbounded preceding and current row
        ) as true_positives,
        sum(stayers) over (
            partition by model, cutoff_date, population
            order by score_group nulls last
            rows between unbounded preceding and current row
        ) as false_positives,
        sum(churners) over (partition by model, cutoff_date, population)
            as all_churners,
        sum(stayers) over (partition by model, cutoff_date, population) as all_stayers
    from score_groups

),

-- At most 200 true points of the curve: the last of every half per cent of customers.
thinned as (

    select
        *,
        row_number() over (
            partition by
                model, cutoff_date, population,
                ceil(
                    200e0 * (true_positives + false_positives)
                    / (all_churners + all_stayers)
                )
            order by score_group desc
        ) as place_from_end
    from cumulated

),

points as (

    select
        model,
        cutoff_date,
        population,
        threshold,
        true_positives,
        false_positives,
        all_churners,
        all_stayers
    from thinned
    where place_from_end = 1
    union all
    select distinct
        model,
        cutoff_date,
        population,
        cast(null as double) as threshold,
        0 as true_positives,
        0 as false_positives,
        all_churners,
        all_stayers
    from cumulated

)

select
    model,
    cutoff_date,
    population,
    cast(row_number() over (
        partition by model, cutoff_date, population
        order by threshold desc nulls first
    ) as integer) as point,
    threshold,
    {{ proportion("false_positives", "all_stayers") }}
        as false_positive_rate,
    {{ proportion("true_positives", "all_churners") }}
        as true_positive_rate
from points
