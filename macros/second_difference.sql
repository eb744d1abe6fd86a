{% macro second_difference(from_time, to_time) %}
    {{ return(adapter.dispatch("second_difference")(from_time, to_time)) }}
{% endmacro %}


{% macro duckdb__second_difference(from_time, to_time) -%}
    {{ dbt.datediff(from_time, to_time, "second") }}
{%- endmacro %}


{% macro spark__second_difference(from_time, to_time) -%}
    (
        unix_seconds(cast({{ to_time }} as timestamp))
        - unix_seconds(cast({{ from_time }} as timestamp))
    )
{%- endmacro %}
