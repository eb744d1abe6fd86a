{% macro starts_with(expression, prefix_var) -%}
    {%- set prefix = var(prefix_var) or "" -%}
    {%- if prefix -%}
    substring({{ expression }}, 1, {{ prefix | length }})
    = {{ dbt.string_literal(prefix | upper) }}
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}
