{% macro g_statistic(both, first, second, total, expected_both) -%}
    {#-
    The likelihood ratio of a table of two by two against what is expected (Wilks 1938):
    twice the sum of observed x ln(observed / expected) over its four cells.
    -#}
    {%- set cells = [
        (both, expected_both),
        ("(" ~ first ~ " - " ~ both ~ ")", "(" ~ first ~ " - " ~ expected_both ~ ")"),
        ("(" ~ second ~ " - " ~ both ~ ")", "(" ~ second ~ " - " ~ expected_both ~ ")"),
        (
            "(" ~ total ~ " - " ~ first ~ " - " ~ second ~ " + " ~ both ~ ")",
            "(" ~ total ~ " - " ~ first ~ " - " ~ second ~ " + " ~ expected_both ~ ")"
        ),
    ] -%}
    greatest(0.0, 2.0 * (
        {%- for observed, expected in cells %}
        case
            when {{ observed }} > 0
                then {{ observed }} * ln({{ observed }} / {{ expected }})
            else 0.0
        end{{ " +" if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}


{% macro chi_square_p_value(statistic) %}
    {{ return(adapter.dispatch("chi_square_p_value")(statistic)) }}
{% endmacro %}


{% macro duckdb__chi_square_p_value(statistic) -%}
    {#- A statistic that is not defined is no evidence: `least` takes null and NaN for 1. -#}
    least(1.0, chi_square_survival({{ statistic }}))
{%- endmacro %}


{% macro chi_square_critical_value(degrees_of_freedom, p_value) %}
    {{ return(
        adapter.dispatch("chi_square_critical_value")(degrees_of_freedom, p_value)
    ) }}
{% endmacro %}


{% macro duckdb__chi_square_critical_value(degrees_of_freedom, p_value) -%}
    chi_square_quantile({{ degrees_of_freedom }}, {{ p_value }})
{%- endmacro %}


{% macro false_discovery_rate(p_value, p_value_rank, tests) -%}
    {#- Benjamini and Hochberg (1995). -#}
    min(least(1.0, {{ p_value }} * {{ tests }} / {{ p_value_rank }})) over (
        order by {{ p_value_rank }} desc
        rows between unbounded preceding and current row
    )
{%- endmacro %}
