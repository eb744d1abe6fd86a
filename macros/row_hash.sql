{% macro row_hash(columns) %}
    {{ return(adapter.dispatch("row_hash")(columns)) }}
{% endmacro %}


{% macro duckdb__row_hash(columns) -%}
    hash({{ columns | join(", ") }})
{%- endmacro %}
