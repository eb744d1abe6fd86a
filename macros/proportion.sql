{% macro proportion(part, total) -%}
    cast({{ within(
        "((" ~ part ~ ") * 1.0 / nullif(" ~ total ~ ", 0))", "0.0", "1.0"
    ) }} as double)
{%- endmacro %}
