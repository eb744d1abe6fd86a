{% macro add_days(days, from_date) %}
    {{ return(adapter.dispatch("add_days")(days, from_date)) }}
{% endmacro %}


{% macro duckdb__add_days(days, from_date) -%}
    cast({{ dbt.dateadd("day", days, from_date) }} as date)
{%- endmacro %}


{% macro spark__add_days(days, from_date) -%}
    {#- That of dbt-spark fails at a date that is not known. -#}
    date_add(cast({{ from_date }} as date), cast({{ days }} as integer))
{%- endmacro %}
