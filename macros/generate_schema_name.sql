{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- A work database is the project's own; on Spark others have schemas, too. -#}
    {%- set start = "" if target.type == "duckdb" else target.schema ~ "_" -%}
    {{ (start ~ custom_schema_name if custom_schema_name else target.schema) | trim }}
{%- endmacro %}
