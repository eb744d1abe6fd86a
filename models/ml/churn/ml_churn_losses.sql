with predictions as (

    select * from {{ ref("ml_churn_predictions") }}
    where churn_probability is not null

),

examples as (

    select * from {{ ref("int_churn_examples") }}

),

cutoffs as (

    select
        cutoff_date,
        label_end_date,
        known_cutoffs,
        min(case when example_set = 'test' then cutoff_date end) over () as test_cutoff,
        min(case when example_set = 'test' then known_cutoffs end) over ()
            as known_at_test
    from {{ ref("int_churn_cutoffs") }}

),

-- Models are chosen on what was known at the test cutoff: on earlier cutoffs that were
-- predicted from what was before them, if that was at least half of what is learned
-- today, for models that learn much need much to learn from. With fewer than three such
-- cutoffs, they are chosen on training customers that they never saw.
earlier_predictions as (

    select predictions.*
    from predictions
    inner join cutoffs
        on
            cast(predictions.cutoff_date as date) = cutoffs.cutoff_date
            and cutoffs.test_cutoff >= cutoffs.label_end_date
            and 2 * cutoffs.known_cutoffs >= cutoffs.known_at_test
    where predictions.example_set = 'rolling'

),

basis as (

    select
        case
            when count(distinct cutoff_date) >= 3 then 'earlier cutoffs'
            else 'held-out customers'
        end as judged_on
    from earlier_predictions

),

judged_predictions as (

    select
        earlier_predictions.*,
        basis.judged_on
    from earlier_predictions
    cross join basis
    where basis.judged_on = 'earlier cutoffs'
    union all
    select
        predictions.*,
        basis.judged_on
    from predictions
    cross join basis
    where
        predictions.example_set = 'validation'
        and basis.judged_on = 'held-out customers'

)

select
    predictions.model,
    predictions.customer_id,
    predictions.cutoff_date,
    predictions.judged_on,
    -ln(greatest(
        case
            when examples.has_churned then predictions.churn_probability
            else 1 - predictions.churn_probability
        end, 1e-15
    )) as log_loss
from judged_predictions as predictions
inner join examples
    on
        predictions.customer_id = examples.customer_id
        and cast(predictions.cutoff_date as date) = examples.cutoff_date
