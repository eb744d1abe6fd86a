with customer_days as (

    select * from {{ ref("int_customer_days") }}
    where has_purchase

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

numbers as (

    {{ integer_series(12) }}

),

lengths as (

    select cast(30 * generated_number as integer) as horizon_days
    from numbers
    union distinct
    select {{ integer_var("churn_horizon_days") }} as horizon_days

),

-- A window of H days leaves training only what lies two windows before the end: the
-- label of the last training cutoff must be complete before the test cutoff.
candidates as (

    select
        lengths.horizon_days,
        {{ add_days("-2 * lengths.horizon_days", "as_of.as_of_date") }}
            as last_training_cutoff
    from lengths
    cross join as_of
    where lengths.horizon_days is not null

),

known_days as (

    select
        candidates.horizon_days,
        candidates.last_training_cutoff,
        customer_days.customer_id,
        customer_days.activity_date,
        lead(customer_days.activity_date) over (
            partition by candidates.horizon_days, customer_days.customer_id
            order by customer_days.activity_date nulls last
        ) as next_activity_date,
        count(*) over (
            partition by candidates.horizon_days, customer_days.customer_id
        ) as purchase_days
    from candidates
    inner join customer_days
        on candidates.last_training_cutoff > customer_days.activity_date

),

-- The silence after the last order of a repeat buyer is a gap that is not over yet.
gaps as (

    select
        horizon_days,
        {{ day_difference(
            "activity_date", "coalesce(next_activity_date, last_training_cutoff)"
        ) }} as gap_days,
        next_activity_date is not null as is_observed
    from known_days
    where purchase_days > 1

),

gap_counts as (

    select
        horizon_days,
        gap_days,
        count(*) as gaps,
        count(case when is_observed then 1 end) as observed_gaps
    from gaps
    group by horizon_days, gap_days

),

at_risk as (

    select
        *,
        sum(gaps) over (
            partition by horizon_days
            order by gap_days desc
            rows between unbounded preceding and current row
        ) as gaps_at_risk,
        sum(observed_gaps) over (
            partition by horizon_days
            order by gap_days nulls last
            rows between unbounded preceding and current row
        ) * 1e0
        / nullif(sum(observed_gaps) over (partition by horizon_days), 0)
            as observed_share
    from gap_counts

),

-- Kaplan and Meier (1958): the product of the shares that survive each gap length.
survival as (

    select
        *,
        exp(sum(
            case
                when observed_gaps = gaps_at_risk then -1000000.0
                else ln(1.0 - observed_gaps * 1e0 / gaps_at_risk)
            end
        ) over (
            partition by horizon_days
            order by gap_days nulls last
            rows between unbounded preceding and current row
        )) as still_silent_share
    from at_risk

),

quantiles as (

    select
        horizon_days,
        sum(observed_gaps) as observed_gaps,
        min(case when observed_share >= 0.80 then gap_days end) as gap_p80_days,
        min(case when observed_share >= 0.85 then gap_days end) as gap_p85_days,
        min(case when observed_share >= 0.90 then gap_days end) as gap_p90_days,
        -- A product through logarithms misses 0.20 by its last digits.
        min(case when still_silent_share <= 0.20 + 1e-9 then gap_days end)
            as km_p80_days
    from survival
    group by horizon_days

)

select
    candidates.horizon_days,
    candidates.last_training_cutoff,
    cast(coalesce(quantiles.observed_gaps, 0) as integer) as observed_gaps,
    quantiles.gap_p80_days,
    quantiles.gap_p85_days,
    quantiles.gap_p90_days,
    quantiles.km_p80_days,
    coalesce(
        30 * floor(quantiles.km_p80_days / 30e0 + 5e-1) <= candidates.horizon_days,
        false
    ) as is_covering
from candidates
left join quantiles on candidates.horizon_days = quantiles.horizon_days
