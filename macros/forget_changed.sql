{% macro forget_changed(keys, through=none) %}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            {{ of_changed(keys) }}
            {% if through %}
                or ({{ keys | join(", ") }}) in (
                    select {{ keys | join(", ") }}
                    from {{ this }}
                    where {{ of_changed(through) }}
                )
            {% endif %}
    {% endif %}
{% endmacro %}
