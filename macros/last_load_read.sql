{% macro last_load_read() -%}
    (
        select coalesce(max(already_read.last_load_number), 0)
        from {{ raw_table("retail", "already_read") }} as already_read
    )
{%- endmacro %}
