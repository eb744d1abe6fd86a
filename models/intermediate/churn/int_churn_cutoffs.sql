with as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

numbers as (

    {{ integer_series(256) }}

),

-- The test window is the last one that is complete; training labels end before it.
bounds as (

    select
        as_of.first_invoice_date,
        horizon.horizon_days,
        {{ add_days("1", "as_of.as_of_date") }} as current_cutoff,
        {{ add_days("1 - 364", "as_of.as_of_date") }} as year_ago_cutoff,
        {{ add_days("-horizon.horizon_days", "as_of.as_of_date") }} as test_cutoff,
        {{ add_days("-2 * horizon.horizon_days", "as_of.as_of_date") }}
            as last_training_cutoff
    from as_of
    cross join horizon
    where as_of.as_of_date is not null

),

training as (

    select
        bounds.first_invoice_date,
        bounds.horizon_days,
        {{ add_days(
            "-30 * (numbers.generated_number - 1)", "bounds.last_training_cutoff"
        ) }} as cutoff_date,
        'train' as example_set
    from bounds
    cross join numbers
    where numbers.generated_number <= {{ var("churn_training_cutoffs") | int }}

),

-- Besides the training cutoffs, those whose outcome is known by now: later ones, which
-- overlap the test window, and earlier ones. Each is predicted from what was before it.
rolling as (

    select
        bounds.first_invoice_date,
        bounds.horizon_days,
        {{ add_days("-30 * numbers.generated_number", "bounds.test_cutoff") }}
            as cutoff_date,
        bounds.last_training_cutoff,
        {{ add_days(
            "-30 * " ~ (var("churn_training_cutoffs") | int - 1),
            "bounds.last_training_cutoff"
        ) }} as first_training_cutoff,
        bounds.year_ago_cutoff
    from bounds
    cross join numbers
    where numbers.generated_number <= 24

),

-- A cutoff with less than one window of history before it knows too little.
cutoffs as (

    select
        cutoff_date,
        example_set,
        horizon_days
    from training
    where
        cutoff_date >= {{ add_days("horizon_days", "first_invoice_date") }}
    union all
    select
        cutoff_date,
        'rolling' as example_set,
        horizon_days
    from rolling
    where
        cutoff_date >= {{ add_days("horizon_days", "first_invoice_date") }}
        and cutoff_date not between first_training_cutoff and last_training_cutoff
        and cutoff_date <> year_ago_cutoff
    union all
    select
        test_cutoff as cutoff_date,
        'test' as example_set,
        horizon_days
    from bounds
    where
        test_cutoff >= {{ add_days("horizon_days", "first_invoice_date") }}
    union all
    select
        current_cutoff as cutoff_date,
        'current' as example_set,
        horizon_days
    from bounds
    union all
    -- 52 weeks before today, for comparison: the same season and day of the week.
    select
        year_ago_cutoff as cutoff_date,
        'year_ago' as example_set,
        horizon_days
    from bounds
    where
        year_ago_cutoff >= {{ add_days("horizon_days", "first_invoice_date") }}
        and year_ago_cutoff <> test_cutoff

),

dated as (

    select
        cutoff_date,
        example_set,
        cast(horizon_days as integer) as horizon_days,
        case
            when example_set in ('train', 'rolling', 'test')
                then {{ add_days("horizon_days", "cutoff_date") }}
        end as label_end_date
    from cutoffs

),

known_before as (

    select
        dated.cutoff_date,
        count(*) as known_cutoffs
    from dated
    inner join dated as earlier on dated.cutoff_date >= earlier.label_end_date
    group by dated.cutoff_date

)

select
    dated.cutoff_date,
    dated.example_set,
    dated.horizon_days,
    dated.label_end_date,
    cast(least(
        coalesce(known_before.known_cutoffs, 0),
        {{ var("churn_training_cutoffs") | int }}
    ) as integer) as known_cutoffs
from dated
left join known_before on dated.cutoff_date = known_before.cutoff_date
