{#- A distribution has moved when its index lies beyond chance and beyond 0.10, a rate
    or an area when it has changed by more than chance and by 0.05. Where chance alone
    may reach 0.25, or 0.10 for a rate, there are too few customers to tell. -#}
{%- set notable_index, untold_index = 0.10, 0.25 -%}
{%- set notable_change, untold_change = 0.05, 0.10 -%}
{%- set chance_of_each = "5e-2 / greatest(count(case when not is_structural and "
    ~ "coalesce(psi, standard_error) is not null then 1 end) over (), 1)" -%}
with measured as (

    select
        kind,
        subject,
        subject_label,
        is_structural,
        reference_date,
        compared_date,
        reference_customers,
        compared_customers,
        reference_value,
        compared_value,
        most_changed_bin,
        degrees_of_freedom,
        psi,
        cast(null as double) as standard_error
    from {{ ref("ml_distribution_drift") }}
    union all
    select
        kind,
        subject,
        subject_label,
        false as is_structural,
        reference_date,
        compared_date,
        reference_customers,
        compared_customers,
        reference_value,
        compared_value,
        cast(null as string) as most_changed_bin,
        cast(null as integer) as degrees_of_freedom,
        cast(null as double) as psi,
        standard_error
    from {{ ref("ml_churn_outcome_drift") }}

),

-- Everything that may raise an alarm shares the 5 % of a build (Bonferroni).
bounded as (

    select
        *,
        {{ is_same_season("reference_date", "compared_date") }} as is_same_season,
        case
            when degrees_of_freedom = 0 then 0.0
            else
                (1e0 / reference_customers + 1e0 / compared_customers)
                * {{ chi_square_critical_value("degrees_of_freedom", chance_of_each) }}
        end as critical_psi,
        standard_error * sqrt({{ chi_square_critical_value("1", chance_of_each) }})
            as critical_difference
    from measured

),

judged as (

    select
        *,
        case
            when
                coalesce(
                    critical_psi > {{ untold_index }},
                    critical_difference > {{ untold_change }},
                    true
                )
                then 'not_enough_data'
            when
                psi <= greatest(critical_psi, {{ notable_index }})
                or psi is null
                and abs(compared_value - reference_value)
                <= greatest(critical_difference, {{ notable_change }})
                or kind = 'discrimination' and compared_value > reference_value
                then 'steady'
            when is_structural then 'structural'
            when is_same_season then 'drifted'
            else 'may_be_season'
        end as status
    from bounded

),

worded as (

    select
        *,
        {{ format_two_digits("psi") }} as index_text,
        upper(substr(subject_label, 1, 1)) || substr(subject_label, 2) as heading,
        case
            when not is_same_season
                then ' Another season may be all there is to it: the same season is'
                    || ' compared once the data reach far enough back.'
            when psi is null and kind <> 'churn_rate' then ''
            else ' Find out what changed in the shop, or in its files.'
        end as advice,
        cast(reference_date as string) as reference_day,
        cast(compared_date as string) as compared_day
    from judged

)

select
    cast(kind as string) as kind,
    cast(subject as string) as subject,
    cast(subject_label as string) as subject_label,
    reference_date,
    compared_date,
    coalesce(is_same_season, false) as is_same_season,
    cast(coalesce(reference_customers, 0) as bigint) as reference_customers,
    cast(coalesce(compared_customers, 0) as bigint) as compared_customers,
    cast(reference_value as double) as reference_value,
    cast(compared_value as double) as compared_value,
    cast(critical_difference as double) as critical_difference,
    cast(psi as double) as psi,
    cast(critical_psi as double) as critical_psi,
    cast(status as string) as status,
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
                        then ' It rests on what grows with the history, or on the level'
                            || ' of another season: nothing to do.'
                    else ' Look again at how many customers an action will reach.'
                        || advice
                end
        when kind = 'segment_share'
            then heading || ': ' || most_changed_bin || ' hold '
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
                        || advice
                end
        else
            heading || ': ' || {{ format_percent("reference_value") }}
            || ' predicted for the customers of ' || compared_day || ', '
            || {{ format_percent("compared_value") }} || ' did not come back'
            || case
                when status = 'steady' then '.'
                else '. Take its probabilities for too '
                    || case
                        when reference_value > compared_value then 'high' else 'low'
                    end
                    || '; the order of its list stands.' || advice
            end
    end as string) as sentence
from worded
