{% macro share_of(part, total) -%}
    cast(case when {{ total }} > 0 then {{ part }} / {{ total }} end as double)
{%- endmacro %}
