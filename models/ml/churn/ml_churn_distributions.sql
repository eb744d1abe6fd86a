with drift_dates as (

    select * from {{ ref("int_drift_dates") }}

),

-- A list of everyone known only ages, since nobody ever leaves it: compared are those
-- with a purchase in the 90 days before.
active_customers as (

    select * from {{ ref("int_customer_features") }}
    where days_since_last_order <= 90

),

compared_customers as (

    select
        active_customers.*,
        drift_dates.reference_date,
        drift_dates.compared_date,
        case
            when active_customers.cutoff_date = drift_dates.reference_date then 1 else 0
        end as is_reference
    from active_customers
    inner join drift_dates
        on active_customers.cutoff_date
            in (drift_dates.reference_date, drift_dates.compared_date)

),

scored_customers as (

    select * from {{ ref("ml_churn_monitored") }}

),

-- Only judged cutoffs are scored, so a year before is the one nearest to it.
scored_cutoffs as (

    select
        cutoffs.cutoff_date as reference_date,
        drift_dates.compared_date,
        row_number() over (
            order by
                abs({{ day_difference(
                    "cutoffs.cutoff_date", "drift_dates.reference_date"
                ) }}) nulls last,
                cutoffs.cutoff_date nulls last
        ) as place
    from (
        select distinct cutoff_date from scored_customers
    ) as cutoffs
    cross join drift_dates
    where cutoffs.cutoff_date <> drift_dates.compared_date

),

scores as (

    select
        scored_customers.churn_probability,
        scored_cutoffs.reference_date,
        scored_cutoffs.compared_date,
        case
            when scored_customers.cutoff_date = scored_cutoffs.compared_date then 0
            else 1
        end as is_reference,
        scored_customers.seasonal_cutoff_date
    from scored_customers
    inner join active_customers
        on
            scored_customers.customer_id = active_customers.customer_id
            and scored_customers.cutoff_date = active_customers.cutoff_date
    inner join scored_cutoffs
        on
            active_customers.cutoff_date
            in (scored_cutoffs.reference_date, scored_cutoffs.compared_date)
            and scored_cutoffs.place = 1

),

releveled as (

    select
        coalesce(min(seasonal_cutoff_date) <> max(seasonal_cutoff_date), false)
        or count(seasonal_cutoff_date) between 1 and count(*) - 1 as is_releveled
    from scores

),

measures as (

    {% for feature in churn_features() -%}
        select
            'feature' as kind,
            '{{ feature }}' as subject,
            cast({{ feature }} as double) as measure,
            false as is_releveled,
            reference_date,
            compared_date,
            sum(is_reference) as reference_customers,
            sum(1 - is_reference) as compared_customers
        from compared_customers
        where {{ feature }} is not null
        group by {{ feature }}, reference_date, compared_date
        union all
    {% endfor -%}
    select
        'churn_probability' as kind,
        'churn_probability' as subject,
        scores.churn_probability as measure,
        releveled.is_releveled,
        scores.reference_date,
        scores.compared_date,
        sum(scores.is_reference) as reference_customers,
        sum(1 - scores.is_reference) as compared_customers
    from scores
    cross join releveled
    group by
        scores.churn_probability,
        releveled.is_releveled,
        scores.reference_date,
        scores.compared_date

),

cumulated as (

    select
        *,
        sum(reference_customers) over whole as all_reference,
        sum(compared_customers) over whole as all_compared,
        sum(reference_customers) over up_to_here as reference_so_far,
        sum(compared_customers) over up_to_here as compared_so_far
    from measures
    window
        whole as (partition by kind, subject),
        up_to_here as (
            partition by kind, subject order by measure nulls last
            rows between unbounded preceding and current row
        )

),

-- Values are binned by the mid-rank of their ties among reference customers, so tied
-- values share a bin.
binned as (

    select
        *,
        cast(least(cast(floor(
            5e0 * (2 * reference_so_far - reference_customers)
            / nullif(all_reference, 0)
        ) as integer), 9) as string) as bin,
        min(case when 2 * reference_so_far >= all_reference then measure end)
            over (partition by kind, subject) as reference_median,
        min(case when 2 * compared_so_far >= all_compared then measure end)
            over (partition by kind, subject) as compared_median
    from cumulated

)

select
    kind,
    subject,
    bin,
    is_releveled,
    reference_date,
    compared_date,
    sum(reference_customers) as reference_customers,
    sum(compared_customers) as compared_customers,
    max(reference_median) as reference_median,
    max(compared_median) as compared_median
from binned
group by kind, subject, bin, is_releveled, reference_date, compared_date
