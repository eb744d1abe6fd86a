{% macro share_of(part, total) -%}
    cast(case when {{ total }} > 0 then {{ part }} * 1e0 / {{ total }} end as double)
{%- endmacro %}
