{% macro format_integer(expression) %}
    {{ return(adapter.dispatch("format_integer")(expression)) }}
{% endmacro %}


{% macro duckdb__format_integer(expression) -%}
    format('{:,}', cast(round({{ expression }}) as bigint))
{%- endmacro %}


{% macro spark__format_integer(expression) -%}
    format_number(cast(round({{ expression }}) as bigint), 0)
{%- endmacro %}
