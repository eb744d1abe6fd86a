{% test is_unique_key(model, column_names, nullable_column_names=[]) %}

    {%- set keys = column_names | reject("in", nullable_column_names) | list %}
    select
        {{ column_names | join(", ") }},
        count(*) as row_count
    from {{ model }}
    group by {{ column_names | join(", ") }}
    having count(*) > 1 or {{ (keys + ["false"]) | join(" is null or ") }}

{% endtest %}
