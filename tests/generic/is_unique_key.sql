{% test is_unique_key(model, column_names) %}

{%- set key = column_names | join(", ") -%}
{%- set has_null = column_names | join(" is null or ") ~ " is null" %}
select
    {{ key }},
    count(*) as row_count
from {{ model }}
group by {{ key }}
having count(*) > 1 or {{ has_null }}

{% endtest %}
