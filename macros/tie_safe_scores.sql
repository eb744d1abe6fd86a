{% macro tie_safe_scores(customers) -%}
    select
        *,
        5 - {{ rank_fifth("days_since_last_order") }} as r_score,
        1 + {{ rank_fifth("frequency") }} as f_score,
        1 + {{ rank_fifth("net_revenue") }} as m_score
    from {{ customers }}
{%- endmacro %}


{% macro rank_fifth(value) -%}
    {#- Follows the rank and not the row order, so that equal values score alike. -#}
    cast(floor(
        5e0 * (rank() over (
            partition by as_of_date order by {{ value }} nulls last
        ) - 1)
        / count(*) over (partition by as_of_date)
    ) as integer)
{%- endmacro %}
