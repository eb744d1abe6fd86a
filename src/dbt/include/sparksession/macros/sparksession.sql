{#- The submission method writes the table of a Python model itself. -#}
{% macro sparksession__create_table_as(temporary, relation, compiled_code, language="sql") -%}
    {%- if language == "python" -%}
        {#- Python begins at the start of a line. #}
        {{- "\n" ~ compiled_code }}
    {%- else -%}
        {{ spark__create_table_as(temporary, relation, compiled_code, language) }}
    {%- endif -%}
{%- endmacro %}


{#- Constraints are for Delta; tests hold what they say. -#}
{% macro sparksession__persist_constraints(relation, model) %}{% endmacro %}


{#- The file as it stands: dbt and dbt-spark lose nulls, the word null, and apostrophes. -#}
{% macro sparksession__load_csv_rows(model, agate_table) %}
    {%- do adapter.load_seed(model["root_path"], model["original_file_path"], this.render()) -%}
    {{ return("-- the rows of " ~ model["original_file_path"]) }}
{% endmacro %}
