{% macro add_days(days, from_date) -%}
    cast({{ dbt.dateadd("day", days, from_date) }} as date)
{%- endmacro %}
