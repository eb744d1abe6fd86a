{% macro format_percent(expression) -%}
    cast(cast(round(100 * {{ expression }}) as integer) as string) || ' %'
{%- endmacro %}
