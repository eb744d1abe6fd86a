{#- A distribution has moved when its index lies beyond chance and beyond 0.10, a rate
    or an area when it has changed by more than chance and by 0.05. Where chance alone
    may reach 0.25, or 0.10 for a rate, there are too few customers to tell. -#}
{%- set notable_index, untold_index = 0.10, 0.25 -%}
{%- set notable_change, untold_change = 0.05, 0.10 -%}
{%- set features = var("churn_features") -%}
with cutoffs as (

    select * from {{ ref("int_churn_cutoffs") }}

),

features as (

    select * from {{ ref("int_customer_features") }}

),

churn_features as (

    select * from {{ ref("churn_features") }}

),

critical_values as (

    select * from {{ ref("chi_square_critical_values") }}

),

history as (

    select * from {{ ref("rpt_churn_history") }}

),

snapshots as (

    select * from {{ ref("fct_customer_snapshots") }}

),

-- The same season a year before where the data hold it, else the customers whom the
-- model was tested on.
reference_cutoff as (

    select
        max(case when example_set = 'current' then cutoff_date end) as compared_date,
        coalesce(
            max(case when example_set = 'year_ago' then cutoff_date end),
            max(case when example_set = 'test' then cutoff_date end)
        ) as reference_date
    from cutoffs

),

-- A list of everyone known only ages, since nobody ever leaves it: compared are those
-- with a purchase in the 90 days before.
active_customers as (

    select
        features.*,
        reference_cutoff.reference_date,
        reference_cutoff.compared_date,
        case
            when features.cutoff_date = reference_cutoff.reference_date then 1 else 0
        end as is_reference
    from features
    inner join reference_cutoff
        on features.cutoff_date
            in (reference_cutoff.reference_date, reference_cutoff.compared_date)
    where features.days_since_last_order <= 90

),

feature_values as (

    {% for feature in features -%}
        select
            '{{ feature }}' as subject,
            cast({{ feature }} as double) as measure,
            reference_date,
            compared_date,
            sum(is_reference) as reference_customers,
            sum(1 - is_reference) as compared_customers
        from active_customers
        where {{ feature }} is not null
        group by {{ feature }}, reference_date, compared_date
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Only labelled cutoffs are scored, so a year before is the one nearest to it.
scored_cutoffs as (

    select
        cutoffs.cutoff_date,
        reference_cutoff.compared_date,
        row_number() over (
            order by
                abs({{ day_difference(
                    "cutoffs.cutoff_date", "reference_cutoff.reference_date"
                ) }}),
                cutoffs.cutoff_date
        ) as place
    from cutoffs
    cross join reference_cutoff
    where cutoffs.example_set in ('train', 'test')

),

scores as (

    select
        predictions.churn_probability,
        predictions.seasonal_cutoff_date,
        scored_cutoffs.cutoff_date as reference_date,
        scored_cutoffs.compared_date,
        case when predictions.example_set = 'current' then 0 else 1 end as is_reference
    from {{ ref("ml_churn_predictions") }} as predictions
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on predictions.model = selection.model and selection.is_chosen
    inner join features
        on
            predictions.customer_id = features.customer_id
            and cast(predictions.cutoff_date as date) = features.cutoff_date
    inner join scored_cutoffs
        on
            features.cutoff_date
            in (scored_cutoffs.cutoff_date, scored_cutoffs.compared_date)
            and scored_cutoffs.place = 1
    where
        predictions.churn_probability is not null
        and features.days_since_last_order <= 90

),

-- Scores that take their level from different seasons differ in level by design.
score_levels as (

    select
        coalesce(
            count(distinct seasonal_cutoff_date)
            + max(case when seasonal_cutoff_date is null then 1 else 0 end) > 1,
            false
        ) as is_releveled
    from scores

),

distributions as (

    select
        'feature' as kind,
        subject,
        measure,
        reference_date,
        compared_date,
        reference_customers,
        compared_customers
    from feature_values
    union all
    select
        'churn_probability' as kind,
        'churn_probability' as subject,
        churn_probability as measure,
        reference_date,
        compared_date,
        sum(is_reference) as reference_customers,
        sum(1 - is_reference) as compared_customers
    from scores
    group by churn_probability, reference_date, compared_date

),

cumulated as (

    select
        *,
        sum(reference_customers) over whole as all_reference,
        sum(compared_customers) over whole as all_compared,
        sum(reference_customers) over up_to_here as reference_so_far,
        sum(compared_customers) over up_to_here as compared_so_far
    from distributions
    window
        whole as (partition by kind, subject),
        up_to_here as (
            partition by kind, subject order by measure
            rows between unbounded preceding and current row
        )

),

-- A value falls into the tenth of the reference in which the middle of the customers
-- with that value lies, so equal values stay together, wherever they are many.
binned as (

    select
        *,
        cast(least(cast(floor(
            5.0 * (2 * reference_so_far - reference_customers)
            / nullif(all_reference, 0)
        ) as integer), 9) as varchar) as bin
    from cumulated

),

medians as (

    select
        kind,
        subject,
        min(case when 2 * reference_so_far >= all_reference then measure end)
            as reference_value,
        min(case when 2 * compared_so_far >= all_compared then measure end)
            as compared_value
    from cumulated
    where all_reference > 0 and all_compared > 0
    group by kind, subject

),

-- The month end nearest to the reference date.
segment_dates as (

    select
        snapshots.as_of_date as reference_date,
        row_number() over (
            order by
                abs({{ day_difference(
                    "snapshots.as_of_date", "reference_cutoff.reference_date"
                ) }}),
                snapshots.as_of_date
        ) as place
    from snapshots
    cross join reference_cutoff
    where
        not snapshots.is_current
        and reference_cutoff.reference_date is not null
    group by snapshots.as_of_date, reference_cutoff.reference_date

),

compared_segments as (

    select
        snapshots.segment,
        segment_dates.reference_date,
        max(snapshots.as_of_date) over () as compared_date,
        case
            when snapshots.is_current then 0 else 1
        end as is_reference
    from snapshots
    inner join segment_dates
        on
            (
                snapshots.is_current
                or snapshots.as_of_date = segment_dates.reference_date
            )
            and segment_dates.place = 1

),

segment_cells as (

    select
        segment,
        reference_date,
        compared_date,
        sum(is_reference) as reference_customers,
        sum(1 - is_reference) as compared_customers
    from compared_segments
    group by segment, reference_date, compared_date

),

cells as (

    select
        kind,
        subject,
        bin,
        reference_date,
        compared_date,
        cast(sum(reference_customers) as double) as reference_customers,
        cast(sum(compared_customers) as double) as compared_customers
    from binned
    group by kind, subject, bin, reference_date, compared_date
    union all
    select
        'segment_share' as kind,
        'segment' as subject,
        segment as bin,
        reference_date,
        compared_date,
        cast(reference_customers as double) as reference_customers,
        cast(compared_customers as double) as compared_customers
    from segment_cells

),

sized_cells as (

    select
        *,
        sum(reference_customers) over whole as all_reference,
        sum(compared_customers) over whole as all_compared,
        count(*) over whole as bins,
        -- Where a cell is empty half a customer is added to each.
        case
            when
                min(reference_customers) over whole = 0
                or min(compared_customers) over whole = 0
                then 0.5
            else 0
        end as added
    from cells
    window whole as (partition by kind, subject)

),

shares as (

    select
        *,
        (reference_customers + added) / (all_reference + added * bins)
            as reference_share,
        (compared_customers + added) / (all_compared + added * bins) as compared_share
    from sized_cells
    where all_reference > 0 and all_compared > 0

),

-- Rounded, so that the order in which the cells are added up does not show.
indices as (

    select
        shares.kind,
        shares.subject,
        shares.reference_date,
        shares.compared_date,
        max(shares.all_reference) as reference_customers,
        max(shares.all_compared) as compared_customers,
        cast(sum(cast(
            (shares.compared_share - shares.reference_share)
            * ln(shares.compared_share / shares.reference_share) as decimal(18, 12)
        )) as double) as psi,
        (1 / max(shares.all_reference) + 1 / max(shares.all_compared))
        * coalesce(max(critical_values.critical_value), 0) as critical_psi
    from shares
    left join critical_values
        on shares.bins - 1 = critical_values.degrees_of_freedom
    group by
        shares.kind, shares.subject, shares.reference_date, shares.compared_date

),

moved_segments as (

    select
        *,
        row_number() over (
            order by abs(compared_share - reference_share) desc, bin asc
        ) as place
    from shares
    where kind = 'segment_share'

),

-- What is known of windows that are over: rates against a year before where it was
-- scored, else against the cutoff before, as the ranking is.
matured as (

    select
        *,
        max(cutoff_date) over () as last_cutoff_date
    from history
    where churn_rate is not null

),

earlier as (

    select
        *,
        row_number() over (
            partition by population order by cutoff_date desc
        ) as recency_place,
        row_number() over (
            partition by population
            order by
                case
                    when {{ is_same_season("cutoff_date", "last_cutoff_date") }} then 0
                    else 1
                end,
                cutoff_date desc
        ) as season_place
    from matured
    where cutoff_date < last_cutoff_date

),

latest as (

    select * from matured
    where cutoff_date = last_cutoff_date

),

comparisons as (

    select
        'churn_rate' as kind,
        earlier.cutoff_date as reference_date,
        latest.cutoff_date as compared_date,
        earlier.customers as reference_customers,
        latest.customers as compared_customers,
        earlier.churn_rate as reference_value,
        latest.churn_rate as compared_value,
        sqrt(
            earlier.churn_rate * (1 - earlier.churn_rate) / earlier.customers
            + latest.churn_rate * (1 - latest.churn_rate) / latest.customers
        ) as error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.season_place = 1
    where latest.population = 'active_90d'
    union all
    select
        'discrimination' as kind,
        earlier.cutoff_date as reference_date,
        latest.cutoff_date as compared_date,
        earlier.customers as reference_customers,
        latest.customers as compared_customers,
        earlier.roc_auc as reference_value,
        latest.roc_auc as compared_value,
        sqrt(
            power(earlier.roc_auc_high - earlier.roc_auc_low, 2)
            + power(latest.roc_auc_high - latest.roc_auc_low, 2)
        ) / (2 * 1.96) as error
    from latest
    inner join earlier
        on latest.population = earlier.population and earlier.recency_place = 1
    where latest.population = 'all_known'
    union all
    select
        'calibration' as kind,
        cutoff_date as reference_date,
        cutoff_date as compared_date,
        customers as reference_customers,
        customers as compared_customers,
        mean_churn_probability as reference_value,
        churn_rate as compared_value,
        (excess_probability_high - excess_probability_low) / (2 * 1.96) as error
    from latest
    where population = 'all_known'

),

watched as (

    select
        'feature' as kind,
        feature as subject,
        label as subject_label,
        ages_with_history as is_structural
    from churn_features
    where
        false
        {% for feature in features -%}
            or feature = '{{ feature }}'
        {% endfor %}
    union all
    select
        'churn_probability' as kind,
        'churn_probability' as subject,
        'churn probability' as subject_label,
        is_releveled as is_structural
    from score_levels
    union all
    -- Scores rank everyone ever known, and that list only grows.
    select
        'segment_share' as kind,
        'segment' as subject,
        'shares of the segments' as subject_label,
        true as is_structural
    union all
    select
        'churn_rate' as kind,
        'churn_rate' as subject,
        'share who did not come back' as subject_label,
        false as is_structural
    union all
    select
        'discrimination' as kind,
        'roc_auc' as subject,
        'ranking by the churn model' as subject_label,
        false as is_structural
    union all
    select
        'calibration' as kind,
        'excess_probability' as subject,
        'level of the churn probabilities' as subject_label,
        false as is_structural

),

measured as (

    select
        watched.kind,
        watched.subject,
        watched.subject_label,
        watched.is_structural,
        indices.psi,
        indices.critical_psi,
        moved_segments.bin as segment,
        coalesce(indices.reference_date, comparisons.reference_date) as reference_date,
        coalesce(indices.compared_date, comparisons.compared_date) as compared_date,
        coalesce(indices.reference_customers, comparisons.reference_customers, 0)
            as reference_customers,
        coalesce(indices.compared_customers, comparisons.compared_customers, 0)
            as compared_customers,
        coalesce(
            medians.reference_value,
            moved_segments.reference_share,
            comparisons.reference_value
        ) as reference_value,
        coalesce(
            medians.compared_value,
            moved_segments.compared_share,
            comparisons.compared_value
        ) as compared_value,
        1.96 * comparisons.error as critical_difference
    from watched
    left join indices
        on watched.kind = indices.kind and watched.subject = indices.subject
    left join medians
        on watched.kind = medians.kind and watched.subject = medians.subject
    left join moved_segments
        on watched.kind = moved_segments.kind and moved_segments.place = 1
    left join comparisons on watched.kind = comparisons.kind

),

judged as (

    select
        *,
        coalesce(
            {{ is_same_season("reference_date", "compared_date") }}, false
        ) as is_same_season,
        case
            when
                coalesce(
                    critical_psi > {{ untold_index }},
                    critical_difference > {{ untold_change }},
                    true
                )
                then 'not_enough_data'
            when
                psi <= critical_psi
                or psi <= {{ notable_index }}
                or abs(compared_value - reference_value) <= critical_difference
                or abs(compared_value - reference_value) <= {{ notable_change }}
                and psi is null
                or kind = 'discrimination' and compared_value > reference_value
                then 'steady'
            when is_structural then 'structural'
            else 'drifted'
        end as status
    from measured

),

worded as (

    select
        *,
        {{ format_two_digits("psi") }} as index_text,
        upper(substr(subject_label, 1, 1)) || substr(subject_label, 2) as heading,
        case
            when is_same_season
                then ' Find out what changed in the shop, or in its files.'
            else ' Another season may be all there is to it: the same season is'
                || ' compared once the data reach far enough back.'
        end as advice,
        cast(reference_date as varchar) as reference_day,
        cast(compared_date as varchar) as compared_day
    from judged

)

select
    cast(kind as varchar) as kind,
    cast(subject as varchar) as subject,
    cast(subject_label as varchar) as subject_label,
    reference_date,
    compared_date,
    is_same_season,
    cast(reference_customers as bigint) as reference_customers,
    cast(compared_customers as bigint) as compared_customers,
    cast(reference_value as double) as reference_value,
    cast(compared_value as double) as compared_value,
    cast(critical_difference as double) as critical_difference,
    cast(psi as double) as psi,
    cast(critical_psi as double) as critical_psi,
    cast(status as varchar) as status,
    cast(case
        when reference_date is null
            then heading || ': nothing to compare with yet.'
        when status = 'not_enough_data'
            then heading || ': too few customers to tell a change from chance ('
                || {{ format_integer("reference_customers") }} || ' on '
                || reference_day || ', ' || {{ format_integer("compared_customers") }}
                || ' on ' || compared_day || ').'
        when status = 'steady' and psi is not null
            then heading || ': as on ' || reference_day || ' (PSI ' || index_text
                || ').'
        when kind = 'feature'
            then heading || ': among customers active before ' || compared_day
                || ' it is spread otherwise than among those before ' || reference_day
                || ' (PSI ' || index_text || '; median '
                || {{ format_measure("compared_value") }} || ', was '
                || {{ format_measure("reference_value") }} || ').'
                || case status
                    when 'structural'
                        then ' It grows with the history alone: nothing to do.'
                    else ' The model was not tested on such customers: trust the'
                        || ' order of its list before its probabilities.' || advice
                end
        when kind = 'churn_probability'
            then heading || ': half of the customers active before ' || compared_day
                || ' have at most ' || {{ format_percent("compared_value") }}
                || ', of those before ' || reference_day || ' at most '
                || {{ format_percent("reference_value") }} || ' (PSI ' || index_text
                || ').'
                || case status
                    when 'structural'
                        then ' Either took its level from its own season: nothing to'
                            || ' do.'
                    else ' Look again at how many customers an action will reach.'
                        || advice
                end
        when kind = 'segment_share'
            then heading || ': ' || segment || ' hold '
                || {{ format_percent("compared_value") }} || ' of customers, '
                || {{ format_percent("reference_value") }} || ' on ' || reference_day
                || ' (PSI ' || index_text || ' over all segments). Segments'
                || ' rank everyone ever known, so their shares move as that list'
                || ' grows: rpt_segment_migration tells who went where.'
        when kind = 'churn_rate'
            then heading || ': ' || {{ format_percent("compared_value") }}
                || ' of customers active before ' || compared_day || ', '
                || {{ format_percent("reference_value") }} || ' before '
                || reference_day
                || case status
                    when 'steady' then '.'
                    else '. The model learned from the former.' || advice
                end
        when kind = 'discrimination'
            then heading || ': AUC ' || {{ format_two_digits("compared_value") }}
                || ' for customers of ' || compared_day || ', '
                || {{ format_two_digits("reference_value") }} || ' of ' || reference_day
                || case status
                    when 'steady' then '.'
                    else '. The top of its list holds fewer of those who leave: look'
                        || ' for what changed in the files before you act on it.'
                end
        else
            heading || ': ' || {{ format_percent("reference_value") }}
            || ' predicted for the customers of ' || compared_day || ', '
            || {{ format_percent("compared_value") }} || ' did not come back'
            || case
                when status = 'steady' then '.'
                when reference_value > compared_value
                    then '. Take its probabilities for too high; the order of its list'
                        || ' stands. Another season than those it learned from may be'
                        || ' all there is to it.'
                else '. Take its probabilities for too low; the order of its list'
                    || ' stands. Another season than those it learned from may be'
                    || ' all there is to it.'
            end
    end as varchar) as sentence
from worded
