{%- set z = 1.96 -%}
-- Decimals add up to the same in any order.
with scored as (

    select
        predictions.model,
        predictions.example_set,
        examples.customer_id,
        examples.cutoff_date,
        examples.horizon_days,
        examples.is_active_90d,
        predictions.churn_probability,
        cast(examples.has_churned as integer) as label,
        {{ as_decimal("predictions.churn_probability", 18, 12) }} as probability
    from {{ ref("ml_churn_monitored") }} as predictions
    inner join {{ ref("int_churn_examples") }} as examples
        on
            predictions.customer_id = examples.customer_id
            and predictions.cutoff_date = examples.cutoff_date

),

populations as (

    select
        *,
        'all_known' as population
    from scored
    union all
    select
        *,
        'active_90d' as population
    from scored
    where is_active_90d

),

ranked as (

    select
        *,
        power(probability - label, 2) as squared_error,
        rank() over (
            partition by cutoff_date, population order by churn_probability nulls last
        ) as score_rank,
        count(*) over (
            partition by cutoff_date, population, churn_probability
        ) as ties,
        rank() over (
            partition by cutoff_date, population, label
            order by churn_probability nulls last
        ) as rank_in_class,
        count(*) over (
            partition by cutoff_date, population, label, churn_probability
        ) as ties_in_class
    from populations

),

-- Twice the customers of the other outcome below, ties half: what is left of a rank
-- among all when the rank in the own class is taken off (Sun and Xu 2014).
placed as (

    select
        *,
        cast(
            2 * (score_rank - rank_in_class) + ties - ties_in_class as decimal(38, 0)
        ) as place
    from ranked

),

sums as (

    select
        model,
        example_set,
        cutoff_date,
        population,
        max(horizon_days) as horizon_days,
        count(*) as customers,
        cast(nullif(count(label), 0) as double) as outcomes,
        cast(sum(label) as double) as all_churners,
        cast(nullif(sum(label), 0) as double) as churners,
        cast(nullif(sum(1 - label), 0) as double) as stayers,
        cast(sum(probability) as double) as probability_sum,
        cast(sum({{ as_decimal("squared_error", 18, 12) }}) as double) as error_sum,
        cast(sum({{ as_decimal("power(squared_error, 2)", 18, 12) }}) as double)
            as error_square_sum,
        {{ rank_auc("label", "score_rank", "ties") }} as roc_auc,
        cast(sum(label * place) as double) as churner_places,
        cast(sum(label * place * place) as double) as churner_place_squares,
        cast(sum((1 - label) * place) as double) as stayer_places,
        cast(sum((1 - label) * place * place) as double) as stayer_place_squares
    from placed
    group by model, example_set, cutoff_date, population

),

-- Places have a variance in either class; the error of the area adds them up (DeLong,
-- DeLong and Clarke-Pearson 1988). The mean of predicted less observed varies as the
-- squared errors do.
judged as (

    select
        *,
        {{ proportion("probability_sum", "customers") }} as mean_churn_probability,
        {{ proportion("all_churners", "outcomes") }} as churn_rate,
        {{ proportion("error_sum", "outcomes") }} as brier_score,
        (probability_sum - all_churners) * 1e0 / outcomes as excess_probability,
        sqrt(abs(
            (churner_place_squares - churner_places * churner_places * 1e0 / churners)
            / (4 * stayers * stayers * churners * nullif(churners - 1, 0))
            + (stayer_place_squares - stayer_places * stayer_places * 1e0 / stayers)
            / (4 * churners * churners * stayers * nullif(stayers - 1, 0))
        )) as roc_auc_error,
        sqrt(
            abs(error_square_sum - error_sum * error_sum * 1e0 / outcomes)
            / (outcomes * nullif(outcomes - 1, 0))
        ) as brier_error,
        sqrt(
            abs(error_sum - power(probability_sum - all_churners, 2) / outcomes)
            / (outcomes * nullif(outcomes - 1, 0))
        ) as excess_error
    from sums

)

select
    cutoff_date,
    cast(population as string) as population,
    cast(example_set as string) as example_set,
    cast(model as string) as model,
    cast(horizon_days as integer) as horizon_days,
    cast(customers as bigint) as customers,
    mean_churn_probability,
    churn_rate,
    excess_probability,
    {{ within(
        "(excess_probability - " ~ z ~ " * excess_error)", "-1.0", "1.0"
    ) }} as excess_probability_low,
    {{ within(
        "(excess_probability + " ~ z ~ " * excess_error)", "-1.0", "1.0"
    ) }} as excess_probability_high,
    cast(roc_auc as double) as roc_auc,
    cast({{ within(
        "(roc_auc - " ~ z ~ " * roc_auc_error)", "0.0", "1.0"
    ) }} as double) as roc_auc_low,
    cast({{ within(
        "(roc_auc + " ~ z ~ " * roc_auc_error)", "0.0", "1.0"
    ) }} as double) as roc_auc_high,
    brier_score,
    {{ within(
        "(brier_score - " ~ z ~ " * brier_error)", "0.0", "1.0"
    ) }} as brier_score_low,
    {{ within(
        "(brier_score + " ~ z ~ " * brier_error)", "0.0", "1.0"
    ) }} as brier_score_high
from judged
