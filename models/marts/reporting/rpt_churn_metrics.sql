{%- set metrics = [
    "roc_auc", "pr_auc", "brier_score", "log_loss", "expected_calibration_error",
    "top_decile_lift", "churn_rate", "mean_churn_probability",
] -%}
with ranked as (

    select * from {{ ref("fct_churn_backtest_ranked") }}

),

resamples as (

    {{ dbt.generate_series(var("bootstrap_resamples") | int) }}

),

known_customers as (

    select
        customer_id,
        count(*) over () as customers
    from ranked
    group by customer_id

),

-- At most about 5,000 customers are resampled, the same ones for every model.
resampled_customers as (

    select
        customer_id,
        least(1.0, 5000.0 / customers) as sampled_share
    from known_customers
    where {{ stable_uniform("customer_id") }} * customers < 5000

),

draws as (

    select
        resampled_customers.customer_id,
        resamples.generated_number as resample,
        {{ stable_uniform(
            "resampled_customers.customer_id || '-' || resamples.generated_number"
        ) }} as draw
    from resampled_customers
    cross join resamples

),

-- The same draw for every model and population, so that their differences can be
-- compared. Resample 0 is the data itself.
weights as (

    select
        customer_id,
        resample,
        {{ poisson_weight("draw") }} as weight
    from draws
    union all
    select
        customer_id,
        0 as resample,
        1 as weight
    from known_customers

),

weighted as (

    select
        ranked.model,
        ranked.cutoff_date,
        ranked.population,
        ranked.churn_probability,
        ranked.has_churned,
        ranked.score_group,
        ranked.score_decile,
        weights.resample,
        weights.weight
    from ranked
    inner join weights on ranked.customer_id = weights.customer_id
    where weights.weight > 0

),

score_groups as (

    select
        model,
        cutoff_date,
        population,
        resample,
        score_decile,
        score_group,
        sum(weight) as weight,
        sum(case when has_churned then weight else 0 end) as churners,
        sum(case when has_churned then 0 else weight end) as stayers,
        sum(weight * churn_probability) as probability,
        sum(weight * power(churn_probability - cast(has_churned as integer), 2))
            as squared_error,
        -sum(weight * ln(greatest(
            case when has_churned then churn_probability else 1 - churn_probability end,
            1e-15
        ))) as log_loss
    from weighted
    group by model, cutoff_date, population, resample, score_decile, score_group

),

-- A group of equal scores may lie in two deciles; the curves need it whole.
whole_groups as (

    select
        model,
        cutoff_date,
        population,
        resample,
        score_group,
        sum(churners) as churners,
        sum(stayers) as stayers
    from score_groups
    group by model, cutoff_date, population, resample, score_group

),

cumulated as (

    select
        *,
        sum(churners) over (
            partition by model, cutoff_date, population, resample
            order by score_group
            rows between unbounded preceding and current row
        ) as churners_so_far,
        sum(stayers) over (
            partition by model, cutoff_date, population, resample
            order by score_group
            rows between unbounded preceding and current row
        ) as stayers_so_far
    from whole_groups

),

-- A pair of a churner and a stayer counts 1 in the right order and 1/2 at a tie
-- (Mann and Whitney 1947); average precision as in scikit-learn, without interpolation.
ranking_metrics as (

    select
        model,
        cutoff_date,
        population,
        resample,
        sum(stayers * (churners_so_far - churners / 2.0))
        / nullif(sum(churners) * 1.0 * sum(stayers), 0) as roc_auc,
        sum(churners * churners_so_far * 1.0 / (churners_so_far + stayers_so_far))
        / nullif(sum(churners), 0) as pr_auc
    from cumulated
    group by model, cutoff_date, population, resample

),

deciles as (

    select
        model,
        cutoff_date,
        population,
        resample,
        score_decile,
        sum(weight) as weight,
        sum(churners) as churners,
        sum(probability) as probability,
        sum(squared_error) as squared_error,
        sum(log_loss) as log_loss
    from score_groups
    group by model, cutoff_date, population, resample, score_decile

),

probability_metrics as (

    select
        model,
        cutoff_date,
        population,
        resample,
        sum(squared_error) / sum(weight) as brier_score,
        sum(log_loss) / sum(weight) as log_loss,
        sum(abs(probability - churners)) / sum(weight) as expected_calibration_error,
        sum(case when score_decile = 1 then churners else 0 end) * 1.0
        / nullif(sum(case when score_decile = 1 then weight else 0 end), 0)
        / nullif(sum(churners) * 1.0 / sum(weight), 0) as top_decile_lift,
        sum(churners) * 1.0 / sum(weight) as churn_rate,
        sum(probability) / sum(weight) as mean_churn_probability
    from deciles
    group by model, cutoff_date, population, resample

),

wide as (

    select
        probability_metrics.*,
        ranking_metrics.roc_auc,
        ranking_metrics.pr_auc
    from probability_metrics
    inner join ranking_metrics
        on
            probability_metrics.model = ranking_metrics.model
            and probability_metrics.cutoff_date = ranking_metrics.cutoff_date
            and probability_metrics.population = ranking_metrics.population
            and probability_metrics.resample = ranking_metrics.resample

),

long as (

    {% for metric in metrics -%}
        select
            model,
            cutoff_date,
            population,
            resample,
            '{{ metric }}' as metric,
            cast({{ metric }} as double) as value
        from wide
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

summarised as (

    select
        model,
        cutoff_date,
        population,
        metric,
        max(case when resample = 0 then value end) as value,
        {{ continuous_quantile("case when resample > 0 then value end", 0.025) }}
            as low_value,
        {{ continuous_quantile("case when resample > 0 then value end", 0.5) }}
            as middle_value,
        {{ continuous_quantile("case when resample > 0 then value end", 0.975) }}
            as high_value
    from long
    group by model, cutoff_date, population, metric

),

-- A sample of m of n customers spreads the square root of n / m wider than all would
-- (Bickel, Götze and van Zwet 1997), so its spread is scaled back around the value.
scale as (

    select sqrt(max(sampled_share)) as spread
    from resampled_customers

)

select
    summarised.model,
    summarised.cutoff_date,
    summarised.population,
    cast(summarised.metric as varchar) as metric,
    summarised.value,
    cast(
        summarised.value
        + (summarised.low_value - summarised.middle_value) * scale.spread as double
    ) as ci_low,
    cast(
        summarised.value
        + (summarised.high_value - summarised.middle_value) * scale.spread as double
    ) as ci_high
from summarised
cross join scale
