with churn_distributions as (

    select * from {{ ref("ml_churn_distributions") }}

),

segment_distribution as (

    select * from {{ ref("int_segment_distribution") }}

),

churn_features as (

    select * from {{ ref("churn_features") }}

),

watched as (

    select
        'feature' as kind,
        feature as subject,
        label as subject_label,
        ages_with_history as is_structural
    from churn_features
    where
        feature in (
            {% for feature in churn_features() -%}
                '{{ feature }}'{{ "," if not loop.last }}
            {% endfor %}
        )
    union all
    -- Scores that take their level from different seasons differ in level by design.
    select
        'churn_probability' as kind,
        'churn_probability' as subject,
        'churn probability' as subject_label,
        coalesce(max(case when is_releveled then 1 end) = 1, false) as is_structural
    from churn_distributions
    union all
    -- Scores rank everyone ever known, and that list only grows.
    select
        'segment_share' as kind,
        'segment' as subject,
        'shares of the segments' as subject_label,
        true as is_structural

),

bins as (

    select
        kind,
        subject,
        bin,
        reference_date,
        compared_date,
        cast(reference_customers as double) as reference_customers,
        cast(compared_customers as double) as compared_customers,
        reference_median,
        compared_median
    from churn_distributions
    union all
    select
        'segment_share' as kind,
        'segment' as subject,
        segment as bin,
        reference_date,
        compared_date,
        cast(reference_customers as double) as reference_customers,
        cast(compared_customers as double) as compared_customers,
        cast(null as double) as reference_median,
        cast(null as double) as compared_median
    from segment_distribution

),

sized_bins as (

    select
        *,
        sum(reference_customers) over whole as all_reference,
        sum(compared_customers) over whole as all_compared,
        count(*) over whole as bins,
        -- Where a bin is empty half a customer is added to each.
        case
            when
                min(reference_customers) over whole = 0
                or min(compared_customers) over whole = 0
                then 0.5
            else 0
        end as added
    from bins
    window whole as (partition by kind, subject)

),

shares as (

    select
        *,
        (reference_customers + added) * 1e0 / (all_reference + added * bins)
            as reference_share,
        (compared_customers + added) * 1e0
        / (all_compared + added * bins) as compared_share
    from sized_bins
    where all_reference > 0 and all_compared > 0

),

ranked_shares as (

    select
        *,
        row_number() over (
            partition by kind, subject
            order by abs(compared_share - reference_share) desc, bin asc nulls last
        ) as place
    from shares

),

-- Rounded, so that the order in which the bins are added up does not show.
indices as (

    select
        kind,
        subject,
        max(reference_date) as reference_date,
        max(compared_date) as compared_date,
        max(all_reference) as reference_customers,
        max(all_compared) as compared_customers,
        max(reference_median) as reference_median,
        max(compared_median) as compared_median,
        max(case when place = 1 then bin end) as most_changed_bin,
        max(case when place = 1 then reference_share end) as reference_share,
        max(case when place = 1 then compared_share end) as compared_share,
        max(bins) - 1 as degrees_of_freedom,
        cast(sum({{ as_decimal(
            "(compared_share - reference_share)"
            ~ " * ln(compared_share * 1e0 / reference_share)", 18, 12
        ) }}) as double) as psi
    from ranked_shares
    group by kind, subject

)

select
    watched.kind,
    watched.subject,
    watched.subject_label,
    -- What a score is made of may have aged, and the score with it.
    watched.is_structural
    or (
        watched.kind = 'churn_probability'
        and coalesce(max(case
            when watched.kind = 'feature' and watched.is_structural then indices.psi
        end) over () > 0.10, false)
    ) as is_structural,
    indices.reference_date,
    indices.compared_date,
    indices.reference_customers,
    indices.compared_customers,
    coalesce(indices.reference_median, indices.reference_share) as reference_value,
    coalesce(indices.compared_median, indices.compared_share) as compared_value,
    indices.most_changed_bin,
    indices.degrees_of_freedom,
    indices.psi
from watched
left join indices
    on watched.kind = indices.kind and watched.subject = indices.subject
