{% macro add_months(months, from_date) %}
    {{ return(adapter.dispatch("add_months")(months, from_date)) }}
{% endmacro %}


{% macro duckdb__add_months(months, from_date) -%}
    cast({{ dbt.dateadd("month", months, from_date) }} as date)
{%- endmacro %}


{% macro spark__add_months(months, from_date) -%}
    add_months({{ from_date }}, cast({{ months }} as integer))
{%- endmacro %}
