{% macro day_difference(from_date, to_date) -%}
    cast({{ dbt.datediff(from_date, to_date, "day") }} as integer)
{%- endmacro %}
