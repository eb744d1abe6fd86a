{% test is_unique_key(model, column_names) %}

{%- set key = column_names | join(", ") %}
select
    {{ key }},
    count(*) as row_count
from {{ model }}
group by {{ key }}
having count(*) > 1 or {{ column_names[0] }} is null

{% endtest %}
