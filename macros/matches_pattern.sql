{% macro matches_pattern(expression, pattern) %}
    {{ return(adapter.dispatch("matches_pattern")(expression, pattern)) }}
{% endmacro %}


{% macro duckdb__matches_pattern(expression, pattern) -%}
    regexp_matches({{ expression }}, {{ pattern }}, 'i')
{%- endmacro %}


{% macro spark__matches_pattern(expression, pattern) -%}
    {#- As RE2 reads a pattern: upper and lower case of every alphabet, a dot but for \n. -#}
    ({{ expression }} rlike '(?iud)' || {{ pattern }})
{%- endmacro %}
