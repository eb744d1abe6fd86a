{% macro plain_word(expression) %}
    {{ return(adapter.dispatch("plain_word")(expression)) }}
{% endmacro %}


{% macro duckdb__plain_word(expression) -%}
    trim(regexp_replace(translate(lower(trim({{ expression }})), '_-', '  '), '^wc ', ''))
{%- endmacro %}
