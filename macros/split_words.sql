{% macro split_words(expression) %}
    {{ return(adapter.dispatch("split_words")(expression)) }}
{% endmacro %}


{% macro duckdb__split_words(expression) -%}
    {#- The mark that the ingest puts between the words of several columns. -#}
    unnest(string_split({{ expression }}, ' | '))
{%- endmacro %}


{% macro spark__split_words(expression) -%}
    explode(split({{ expression }}, ' [|] '))
{%- endmacro %}
