-- How much does churn depend on how long a silence we wait for? One row per window of
-- 30, 60, 90 and 120 days, over the same customers at the same weekly cutoffs.
--
-- Run: dbt show --select churn_by_horizon --output json
--
-- How to read it: a short window calls many customers lost who come back
-- (came_back_within_90d: of those lost, who bought in the 90 days after the window); a
-- long one waits longer and cannot be tested as late. A rate that moves much from
-- cutoff to cutoff (lowest and highest) moves with the season, and so must a model.
with as_of as (

    select * from {{ ref("int_as_of") }}

),

lengths as (

    {{ integer_series(4) }}

),

chosen as (

    select max(chosen_horizon_days) as chosen_horizon_days
    from {{ ref("int_churn_horizon") }}

),

horizons as (

    select
        30 * lengths.generated_number as horizon_days,
        30 * lengths.generated_number = chosen.chosen_horizon_days as is_chosen
    from lengths
    cross join chosen

),

-- 90 days of history before each; after it the longest window and 90 days more.
cutoffs as (

    select dates.date_day as last_known_date
    from {{ ref("int_dates") }} as dates
    cross join as_of
    where
        dates.date_day >= {{ add_days("90", "as_of.first_invoice_date") }}
        and dates.date_day <= {{ add_days("-210", "as_of.as_of_date") }}
        and mod({{ day_difference("dates.date_day", "as_of.as_of_date") }}, 7) = 0

),

purchases as (

    select
        customer_id,
        activity_date,
        lead(activity_date) over (
            partition by customer_id order by activity_date nulls last
        ) as next_purchase_date
    from {{ ref("int_customer_days") }}
    where has_purchase

),

-- Everyone who had bought by then, by the last purchase before and the first after.
examples as (

    select
        cutoffs.last_known_date,
        {{ day_difference("cutoffs.last_known_date", "purchases.next_purchase_date") }}
            as days_until_purchase
    from cutoffs
    inner join purchases
        on
            cutoffs.last_known_date >= purchases.activity_date
            and (
                cutoffs.last_known_date < purchases.next_purchase_date
                or purchases.next_purchase_date is null
            )

),

judged as (

    select
        horizons.horizon_days,
        horizons.is_chosen,
        examples.last_known_date,
        case
            when examples.days_until_purchase <= horizons.horizon_days then 0
            else 1
        end as has_churned,
        case
            when
                examples.days_until_purchase > horizons.horizon_days
                and examples.days_until_purchase <= horizons.horizon_days + 90
                then 1
            else 0
        end as has_come_back
    from examples
    cross join horizons

),

by_cutoff as (

    select
        horizon_days,
        is_chosen,
        last_known_date,
        count(*) as examples,
        sum(has_churned) as churned,
        sum(has_come_back) as came_back,
        sum(has_churned) * 1e0 / count(*) as churn_rate
    from judged
    group by horizon_days, is_chosen, last_known_date

)

select
    horizon_days,
    is_chosen,
    count(*) as cutoffs,
    cast(sum(examples) as bigint) as examples,
    cast(sum(churned) * 1e0 / sum(examples) as double) as churn_rate,
    cast(min(churn_rate) as double) as lowest_churn_rate,
    cast(max(churn_rate) as double) as highest_churn_rate,
    cast(sum(came_back) * 1e0 / nullif(sum(churned), 0) as double)
        as came_back_within_90d
from by_cutoff
group by horizon_days, is_chosen
order by horizon_days nulls last
