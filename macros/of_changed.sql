{% macro of_changed(keys) -%}
    {%- set changed_lines = ref("int_changed_lines") -%}
    {%- if is_incremental() -%}
        ({{ keys | join(", ") }}) in (
            select {{ keys | join(", ") }}
            from {{ changed_lines }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
