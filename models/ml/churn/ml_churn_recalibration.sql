{#- Newton's method for a logistic regression of the label on the logit of the score,
    and for its intercept alone with the slope held at 1. Near a sensible model four
    steps settle all digits; what has not settled after eight has no finite answer. -#}
{%- set steps = 8 -%}
with scores as (

    select
        model,
        cutoff_date,
        population,
        cast(has_churned as integer) as label,
        ln(churn_probability / (1 - churn_probability)) as score
    from {{ ref("ml_churn_backtest_ranked") }}
    where churn_probability > 0 and churn_probability < 1

),

line_0 as (

    select
        model,
        cutoff_date,
        population,
        cast(0 as double) as line_intercept,
        cast(1 as double) as slope,
        cast(0 as double) as level_shift,
        cast(1 as double) as last_step
    from scores
    group by model, cutoff_date, population
    having
        min(label) < max(label) and max(score) - min(score) > 1e-9

),

{% for step in range(1, steps + 1) -%}
    fitted_{{ step }} as (

        select
            scores.*,
            line.line_intercept,
            line.slope,
            line.level_shift,
            1 / (1 + exp(-line.line_intercept - line.slope * scores.score)) as fitted,
            1 / (1 + exp(-line.level_shift - scores.score)) as shifted
        from scores
        inner join line_{{ step - 1 }} as line
            on
                scores.model = line.model
                and scores.cutoff_date = line.cutoff_date
                and scores.population = line.population

    ),

    sums_{{ step }} as (

        select
            model,
            cutoff_date,
            population,
            max(line_intercept) as line_intercept,
            max(slope) as slope,
            max(level_shift) as level_shift,
            sum(label - fitted) as gradient_0,
            sum((label - fitted) * score) as gradient_1,
            sum(fitted * (1 - fitted)) as hessian_00,
            sum(fitted * (1 - fitted) * score) as hessian_01,
            sum(fitted * (1 - fitted) * score * score) as hessian_11,
            sum(label - shifted) as shift_gradient,
            sum(shifted * (1 - shifted)) as shift_hessian
        from fitted_{{ step }}
        group by model, cutoff_date, population

    ),

    line_{{ step }} as (

        select
            model,
            cutoff_date,
            population,
            line_intercept
            + (hessian_11 * gradient_0 - hessian_01 * gradient_1)
            / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
                as line_intercept,
            slope
            + (hessian_00 * gradient_1 - hessian_01 * gradient_0)
            / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0) as slope,
            level_shift + shift_gradient / nullif(shift_hessian, 0) as level_shift,
            abs(
                (hessian_00 * gradient_1 - hessian_01 * gradient_0)
                / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
            ) + abs(shift_gradient / nullif(shift_hessian, 0)) as last_step
        from sums_{{ step }}

    ),

{% endfor -%}
settled as (

    select
        line.*,
        sums.hessian_00,
        sums.hessian_01,
        sums.hessian_11,
        sums.shift_hessian,
        sums.hessian_00 * sums.hessian_11 - sums.hessian_01 * sums.hessian_01
            as determinant
    from line_{{ steps }} as line
    inner join sums_{{ steps }} as sums
        on
            line.model = sums.model
            and line.cutoff_date = sums.cutoff_date
            and line.population = sums.population
    where line.last_step < 1e-6

)

select
    model,
    cutoff_date,
    population,
    line_intercept,
    slope,
    level_shift,
    -hessian_01 / determinant as slope_intercept_covariance,
    hessian_00 / determinant as slope_variance,
    1 / shift_hessian as level_shift_variance
from settled
