{% macro format_two_digits(expression) -%}
    cast({{ as_decimal(expression, 18, 2) }} as string)
{%- endmacro %}
