{% macro format_measure(expression) -%}
    case
        when {{ expression }} is null then 'none yet'
        when abs({{ expression }}) >= 100 or {{ expression }} = floor({{ expression }})
            then cast(cast(round({{ expression }}) as bigint) as string)
        else cast({{ as_decimal(expression, 18, 2) }} as string)
    end
{%- endmacro %}
