{% macro date_var(name) -%}
    {%- set value = var(name) -%}
    {%- if value is none -%} cast(null as date)
    {%- else -%} cast({{ dbt.string_literal(value) }} as date)
    {%- endif -%}
{%- endmacro %}
