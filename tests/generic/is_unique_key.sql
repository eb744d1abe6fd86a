{% test is_unique_key(model, column_names, nullable_column_names=[]) %}

{%- set key = column_names | join(", ") %}
select
    {{ key }},
    count(*) as row_count
from {{ model }}
group by {{ key }}
having
    count(*) > 1
    {% for column_name in column_names if column_name not in nullable_column_names -%}
    or {{ column_name }} is null
    {% endfor %}

{% endtest %}
