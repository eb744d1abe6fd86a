{% macro matches_pattern(expression, pattern) %}
    {{ return(adapter.dispatch("matches_pattern")(expression, pattern)) }}
{% endmacro %}


{% macro duckdb__matches_pattern(expression, pattern) -%}
    regexp_matches({{ expression }}, {{ pattern }}, 'i')
{%- endmacro %}
