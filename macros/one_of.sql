{% macro one_of(key, expressions) -%}
    {#- Rows instead of columns without reading them once for each: engines that do not
        keep what is read again would make it anew every time. -#}
    case {{ key }}
        {% for value, expression in expressions.items() -%}
            when {{ value }} then {{ expression }}
        {% endfor -%}
    end
{%- endmacro %}


{% macro rows_of(values) -%}
    (values {% for value in values -%}
        ({{ value }}){{ ", " if not loop.last }}
    {%- endfor %})
{%- endmacro %}
