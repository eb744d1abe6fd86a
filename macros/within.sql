{% macro within(expression, lowest, highest) -%}
    {#- Not least and greatest, which take a null for nothing and answer with the bound. -#}
    case
        when {{ expression }} < {{ lowest }} then {{ lowest }}
        when {{ expression }} > {{ highest }} then {{ highest }}
        else {{ expression }}
    end
{%- endmacro %}
