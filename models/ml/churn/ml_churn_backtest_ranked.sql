with backtest as (

    select * from {{ ref("ml_churn_backtest") }}

),

populations as (

    select
        *,
        'all_known' as population
    from backtest
    union all
    select
        *,
        'active_90d' as population
    from backtest
    where is_active_90d
    union all
    select
        *,
        'one_time_buyers' as population
    from backtest
    where is_one_time_buyer

),

ranked as (

    select
        *,
        dense_rank() over (
            partition by model, cutoff_date, population
            order by churn_probability desc
        ) as score_group,
        row_number() over (
            partition by model, cutoff_date, population
            order by churn_probability desc, customer_id asc nulls last
        ) as score_position,
        count(*) over (partition by model, cutoff_date, population) as customers
    from populations

)

select
    customer_id,
    cutoff_date,
    model,
    cast(population as string) as population,
    churn_probability,
    has_churned,
    cast(score_group as bigint) as score_group,
    cast(1 + floor(10e0 * (score_position - 1) / customers) as integer) as score_decile
from ranked
