{% macro table_of_lines() %}
    {#- In a project of others nobody notes which lines were read already. -#}
    {{ return("incremental" if is_own_project() else "table") }}
{% endmacro %}
