{% macro format_two_digits(expression) -%}
    cast(cast({{ expression }} as decimal(18, 2)) as string)
{%- endmacro %}
