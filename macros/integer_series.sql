{% macro integer_series(upper_bound) %}
    {{ return(adapter.dispatch("integer_series")(upper_bound)) }}
{% endmacro %}


{% macro duckdb__integer_series(upper_bound) -%}
    {{ dbt.generate_series(upper_bound) }}
{%- endmacro %}


{% macro spark__integer_series(upper_bound) -%}
    {#- The numbers of dbt.generate_series are doubles there: 1.0 in a text. -#}
    select explode(sequence(1, {{ upper_bound }})) as generated_number
{%- endmacro %}
