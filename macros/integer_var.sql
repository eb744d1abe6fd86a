{% macro integer_var(name) -%}
    {%- set value = var(name) -%}
    cast({{ "null" if value is none else value | int }} as integer)
{%- endmacro %}
