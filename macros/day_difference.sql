{% macro day_difference(from_date, to_date) %}
    {{ return(adapter.dispatch("day_difference")(from_date, to_date)) }}
{% endmacro %}


{% macro duckdb__day_difference(from_date, to_date) -%}
    cast({{ dbt.datediff(from_date, to_date, "day") }} as integer)
{%- endmacro %}


{% macro spark__day_difference(from_date, to_date) -%}
    {#- That of dbt-spark fails at a date that is not known. -#}
    datediff(cast({{ to_date }} as date), cast({{ from_date }} as date))
{%- endmacro %}
