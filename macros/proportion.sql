{% macro proportion(part, total) -%}
    cast({{ within(
        "((" ~ part ~ ") * 1e0 / nullif(" ~ total ~ ", 0))", "0.0", "1.0"
    ) }} as double)
{%- endmacro %}
