{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- A work database is the project's own; elsewhere others have schemas, too. dbt asks
        this macro for our nodes in a project of others as well. -#}
    {%- set is_alone = target.type == "duckdb" and is_own_project() -%}
    {%- set start = "" if is_alone else target.schema ~ "_" -%}
    {{ (start ~ custom_schema_name if custom_schema_name else target.schema) | trim }}
{%- endmacro %}
