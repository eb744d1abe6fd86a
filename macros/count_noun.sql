{% macro count_noun(expression, noun) -%}
    case
        when {{ expression }} = 1 then '1 {{ noun }}'
        else {{ format_integer(expression) }} || ' {{ noun }}s'
    end
{%- endmacro %}
