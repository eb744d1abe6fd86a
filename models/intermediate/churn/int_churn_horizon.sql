with as_of as (

    select * from {{ ref("int_as_of") }}

),

judged as (

    select * from {{ ref("int_churn_windows") }}

),

-- A version of a later day knows what this one must not.
published as (

    select max(previous_horizon.horizon_days) as horizon_days
    from {{ raw_table("published", "previous_horizon") }} as previous_horizon
    inner join as_of on previous_horizon.as_of_date <= as_of.as_of_date

),

ruled as (

    select
        {{ integer_var("churn_horizon_days") }} as named_days,
        coalesce(min(case when is_covering then horizon_days end), 90) as ruled_days,
        max(is_covering) as is_by_rule
    from judged

),

-- Figures of two versions can be compared while the window stays, so a published one
-- gives way only to one that is at least 60 days away.
chosen as (

    select
        case
            when ruled.named_days is not null then ruled.named_days
            when abs(ruled.ruled_days - published.horizon_days) < 60
                then published.horizon_days
            else ruled.ruled_days
        end as chosen_horizon_days,
        case
            when ruled.named_days is not null then 'variable'
            when
                abs(ruled.ruled_days - published.horizon_days) < 60
                and ruled.ruled_days <> published.horizon_days
                then 'version before'
            when ruled.is_by_rule then 'rule'
            else 'default'
        end as chosen_by,
        published.horizon_days as published_horizon_days
    from ruled
    cross join published

)

select
    judged.horizon_days,
    judged.last_training_cutoff,
    judged.observed_gaps,
    judged.gap_p80_days,
    judged.gap_p85_days,
    judged.gap_p90_days,
    judged.km_p80_days,
    judged.is_covering,
    chosen.chosen_horizon_days,
    chosen.chosen_by,
    chosen.published_horizon_days
from judged
cross join chosen
