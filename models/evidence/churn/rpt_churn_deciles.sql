with ranked as (

    select * from {{ ref("ml_churn_backtest_ranked") }}

),

deciles as (

    select
        model,
        cutoff_date,
        population,
        score_decile,
        count(*) as customers,
        sum(case when has_churned then 1 else 0 end) as churners,
        avg(churn_probability) as mean_churn_probability
    from ranked
    group by model, cutoff_date, population, score_decile

),

cumulated as (

    select
        *,
        sum(customers) over (
            partition by model, cutoff_date, population order by score_decile nulls last
            rows between unbounded preceding and current row
        ) as customers_so_far,
        sum(churners) over (
            partition by model, cutoff_date, population order by score_decile nulls last
            rows between unbounded preceding and current row
        ) as churners_so_far,
        sum(customers) over (partition by model, cutoff_date, population)
            as all_customers,
        sum(churners) over (partition by model, cutoff_date, population)
            as all_churners
    from deciles

)

select
    model,
    cutoff_date,
    population,
    score_decile,
    cast(customers as bigint) as customers,
    cast(churners as bigint) as churners,
    mean_churn_probability,
    {{ proportion("churners", "customers") }} as churn_rate,
    {{ proportion("churners", "customers") }} - mean_churn_probability
        as calibration_error,
    {{ proportion("customers_so_far", "all_customers") }} as contacted_share,
    {{ proportion("churners_so_far", "all_churners") }}
        as captured_churner_share,
    cast(
        (churners_so_far * 1e0 / customers_so_far)
        / nullif(all_churners * 1e0 / all_customers, 0) as double
    ) as cumulative_lift
from cumulated
