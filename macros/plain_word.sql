{% macro plain_word(expression) %}
    {{ return(adapter.dispatch("plain_word")(expression)) }}
{% endmacro %}


{% macro duckdb__plain_word(expression) -%}
    trim(regexp_replace(translate(lower(trim({{ expression }})), '_-', '  '), '^wc ', ''))
{%- endmacro %}


{% macro spark__plain_word(expression) -%}
    {{ duckdb__plain_word(expression) }}
{%- endmacro %}
