{% test is_between(model, column_names, lowest, highest=none) %}

select *
from {{ model }}
where
    false
    {% for column_name in column_names -%}
    or {{ column_name }} < {{ lowest }}
    {% if highest is not none -%}
    or {{ column_name }} > {{ highest }}
    {% endif -%}
    {% endfor %}

{% endtest %}
