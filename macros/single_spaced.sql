{% macro single_spaced(expression) %}
    {{ return(adapter.dispatch("single_spaced")(expression)) }}
{% endmacro %}


{% macro duckdb__single_spaced(expression) -%}
    regexp_replace({{ expression }}, '[\s_-]+', ' ', 'g')
{%- endmacro %}


{% macro spark__single_spaced(expression) -%}
    {#- RE2 counts no vertical tab among \s. -#}
    regexp_replace({{ expression }}, r'[ \t\n\f\r_-]+', ' ')
{%- endmacro %}
