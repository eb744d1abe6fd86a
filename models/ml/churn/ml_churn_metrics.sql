{#- Resamples stand side by side in columns, so many at a time: an example is joined and
    grouped once for a whole block of resamples. -#}
{%- set resamples = var("bootstrap_resamples") | int -%}
{%- set width = 10 -%}
{%- set blocks = (resamples + width - 1) // width -%}
{%- set metrics = [
    "roc_auc", "pr_auc", "brier_score", "log_loss", "expected_calibration_error",
    "least_calibration_error", "calibration_slope", "calibration_intercept", "top_decile_lift", "churn_rate",
    "mean_churn_probability",
] -%}
{%- set values = {} -%}
{%- for metric in metrics -%}
    {%- do values.update({"'" ~ metric ~ "'": "wide." ~ metric}) -%}
{%- endfor -%}
{%- set summed = [
    "weight", "churners", "probability", "squared_error", "log_loss", "variance",
    "roc_auc_step", "pr_auc_step", "slope_step", "level_step",
] -%}
with ranked as (

    select * from {{ ref("ml_churn_backtest_ranked") }}

),

recalibration as (

    select * from {{ ref("ml_churn_recalibration") }}

),

blocks as (

    {{ integer_series(blocks) }}

),

known_customers as (

    select distinct customer_id from ranked

),

-- At most about so many customers are resampled, the same ones for every model.
resampled_customers as (

    {{ customers_to_resample("known_customers") }}

),

draws as (

    select
        {% for i in range(width) -%}
            {{ stable_uniform(
                "resampled_customers.customer_id || '-' || (blocks.generated_number * "
                ~ width ~ " + " ~ (i - width + 1) ~ ")"
            ) }} as draw_{{ i }},
        {% endfor -%}
        resampled_customers.customer_id,
        resampled_customers.sampled_share,
        blocks.generated_number as block
    from resampled_customers
    cross join blocks

),

-- The same draw for every model and population, so that their differences can be
-- compared. Block 0 is the data itself, which takes no step; in the others the sampled
-- customers stand for all.
weights as (

    select
        {% for i in range(width) -%}
            {{ poisson_weight("draw_" ~ i) }} as weight_{{ i }},
        {% endfor -%}
        customer_id,
        1e0 / sampled_share as step_scale,
        block
    from draws
    union all
    select
        {% for i in range(width) -%}
            {{ 1 if i == 0 else 0 }} as weight_{{ i }},
        {% endfor -%}
        customer_id,
        0 as step_scale,
        0 as block
    from known_customers

),

score_groups as (

    select
        model,
        cutoff_date,
        population,
        score_group,
        count(case when has_churned then 1 end) as churners,
        count(case when not has_churned then 1 end) as stayers
    from ranked
    group by model, cutoff_date, population, score_group

),

cumulated as (

    select
        *,
        sum(churners) over whole as all_churners,
        sum(stayers) over whole as all_stayers,
        sum(churners) over from_the_top as churners_so_far,
        sum(churners + stayers) over from_the_top as customers_so_far
    from score_groups
    window
        whole as (partition by model, cutoff_date, population),
        from_the_top as (
            partition by model, cutoff_date, population
            order by score_group nulls last
            rows between unbounded preceding and current row
        )

),

-- A churner's place is the share of stayers below it, a stayer's the share of churners
-- above it, ties count 1/2: their means are the ROC AUC (Mann and Whitney 1947; DeLong,
-- DeLong and Clarke-Pearson 1988). Average precision as in scikit-learn, without
-- interpolation: the mean precision at a churner.
placed as (

    select
        *,
        1 - (customers_so_far - churners_so_far - stayers / 2e0)
        / nullif(all_stayers, 0) as churner_place,
        (churners_so_far - churners / 2e0) / nullif(all_churners, 0) as stayer_place,
        churners_so_far * 1e0 / customers_so_far as precision_so_far,
        sum(churners * 1e0 / customers_so_far) over from_the_bottom
            as precision_gained,
        sum(churners * churners_so_far * 1e0 / power(customers_so_far, 2))
            over from_the_bottom as precision_lost
    from cumulated
    window from_the_bottom as (
        partition by model, cutoff_date, population
        order by score_group desc
        rows between unbounded preceding and current row
    )

),

ranking_metrics as (

    select
        model,
        cutoff_date,
        population,
        case
            when max(all_stayers) > 0
                then sum(churners * churner_place) * 1e0 / nullif(max(all_churners), 0)
        end as roc_auc,
        sum(churners * precision_so_far) * 1e0 / nullif(max(all_churners), 0) as pr_auc
    from placed
    group by model, cutoff_date, population

),

scored as (

    select
        *,
        cast(has_churned as integer) as label,
        case
            when churn_probability > 0 and churn_probability < 1
                then ln(churn_probability * 1e0 / (1 - churn_probability))
        end as score
    from ranked

),

-- What an example adds to each sum. A figure that is no ratio of sums is resampled to
-- first order: `…_step` is how it moves with the weight of the example, and adds up to
-- nothing over the data (Davison and Hinkley 1997, section 2.7).
contributions as (

    select
        scored.*,
        recalibration.slope,
        recalibration.level_shift,
        ranking_metrics.roc_auc,
        ranking_metrics.pr_auc,
        case
            when scored.has_churned
                then (placed.churner_place - ranking_metrics.roc_auc) * 1e0
                    / placed.all_churners
            else (placed.stayer_place - ranking_metrics.roc_auc) * 1e0
                / placed.all_stayers
        end as roc_auc_step,
        (
            scored.label * (
                placed.precision_so_far - ranking_metrics.pr_auc
                + placed.precision_gained
            ) - placed.precision_lost
        ) * 1e0 / nullif(placed.all_churners, 0) as pr_auc_step,
        power(scored.churn_probability - scored.label, 2) as squared_error,
        scored.churn_probability * (1 - scored.churn_probability) as variance,
        -ln(greatest(
            case
                when scored.has_churned then scored.churn_probability
                else 1 - scored.churn_probability
            end, 1e-15
        )) as log_loss,
        (
            scored.label - 1 / (1 + exp(
                -recalibration.line_intercept - recalibration.slope * scored.score
            ))
        ) * (
            recalibration.slope_intercept_covariance
            + recalibration.slope_variance * scored.score
        ) as slope_step,
        (
            scored.label - 1 / (1 + exp(-recalibration.level_shift - scored.score))
        ) * recalibration.level_shift_variance as level_step
    from scored
    inner join placed
        on
            scored.model = placed.model
            and scored.cutoff_date = placed.cutoff_date
            and scored.population = placed.population
            and scored.score_group = placed.score_group
    inner join ranking_metrics
        on
            scored.model = ranking_metrics.model
            and scored.cutoff_date = ranking_metrics.cutoff_date
            and scored.population = ranking_metrics.population
    left join recalibration
        on
            scored.model = recalibration.model
            and scored.cutoff_date = recalibration.cutoff_date
            and scored.population = recalibration.population

),

weighted as (

    select
        {% for i in range(width) -%}
            weights.weight_{{ i }},
        {% endfor -%}
        weights.step_scale,
        weights.block,
        contributions.*
    from contributions
    inner join weights on contributions.customer_id = weights.customer_id

),

deciles as (

    select
        {% for i in range(width) -%}
            sum(weight_{{ i }}) as weight_{{ i }},
            sum(case when has_churned then weight_{{ i }} else 0 end)
                as churners_{{ i }},
            sum(weight_{{ i }} * churn_probability) as probability_{{ i }},
            sum(weight_{{ i }} * squared_error) as squared_error_{{ i }},
            sum(weight_{{ i }} * log_loss) as log_loss_{{ i }},
            sum(weight_{{ i }} * variance) as variance_{{ i }},
            sum(weight_{{ i }} * roc_auc_step) as roc_auc_step_{{ i }},
            sum(weight_{{ i }} * pr_auc_step) as pr_auc_step_{{ i }},
            sum(weight_{{ i }} * slope_step) as slope_step_{{ i }},
            sum(weight_{{ i }} * level_step) as level_step_{{ i }},
        {% endfor -%}
        model,
        cutoff_date,
        population,
        block,
        score_decile,
        max(step_scale) as step_scale,
        max(roc_auc) as roc_auc,
        max(pr_auc) as pr_auc,
        max(slope) as slope,
        max(level_shift) as level_shift
    from weighted
    group by model, cutoff_date, population, block, score_decile

),

-- From here on a resample is a row again.
resampled_deciles as (

    select
        {% for column in summed -%}
            {%- set columns = {} -%}
            {%- for i in range(width) -%}
                {%- do columns.update({i: "deciles." ~ column ~ "_" ~ i}) -%}
            {%- endfor -%}
            {{ one_of("positions.position", columns) }} as {{ column }},
        {% endfor -%}
        deciles.model,
        deciles.cutoff_date,
        deciles.population,
        deciles.block,
        positions.position,
        deciles.score_decile,
        deciles.step_scale,
        deciles.roc_auc,
        deciles.pr_auc,
        deciles.slope,
        deciles.level_shift
    from deciles
    cross join {{ rows_of(range(width)) }} as positions (position)
    where deciles.block > 0 or positions.position = 0

),

wide as (

    select
        model,
        cutoff_date,
        population,
        greatest(block * {{ width }} + position - {{ width - 1 }}, 0) as resample,
        max(roc_auc) + sum(roc_auc_step) * max(step_scale) as roc_auc,
        max(pr_auc) + sum(pr_auc_step) * max(step_scale) as pr_auc,
        sum(squared_error) * 1e0 / sum(weight) as brier_score,
        sum(log_loss) * 1e0 / sum(weight) as log_loss,
        sum(abs(probability - churners)) * 1e0
        / sum(weight) as expected_calibration_error,
        -- The mean distance of a normal variable from its mean, for every tenth.
        sum(sqrt(2 * variance / pi())) / sum(weight) as least_calibration_error,
        max(slope) + sum(slope_step) * max(step_scale) as calibration_slope,
        max(level_shift) + sum(level_step) * max(step_scale) as calibration_intercept,
        sum(case when score_decile = 1 then churners else 0 end) * 1e0
        / nullif(sum(case when score_decile = 1 then weight else 0 end), 0)
        / nullif(sum(churners) * 1e0 / sum(weight), 0) as top_decile_lift,
        sum(churners) * 1e0 / sum(weight) as churn_rate,
        sum(probability) * 1e0 / sum(weight) as mean_churn_probability
    from resampled_deciles
    group by model, cutoff_date, population, block, position
    having sum(weight) > 0

),

long as (

    select
        wide.model,
        wide.cutoff_date,
        wide.population,
        wide.resample,
        names.metric,
        cast({{ one_of("names.metric", values) }} as double) as value
    from wide
    cross join {{ rows_of(values) }} as names (metric)
    where wide.resample <= {{ resamples }}

),

intervals as (

    {{ bootstrap_intervals(
        "long",
        ["model", "cutoff_date", "population", "metric"],
        "resampled_customers",
        lowest="case when metric not like 'calibration%' then 0.0 end",
        highest="case when metric in ('roc_auc', 'pr_auc', 'brier_score',"
        ~ " 'expected_calibration_error', 'least_calibration_error', 'churn_rate',"
        ~ " 'mean_churn_probability')"
        ~ " then 1.0 end"
    ) }}

)

select
    model,
    cutoff_date,
    population,
    cast(metric as string) as metric,
    value,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high
from intervals
