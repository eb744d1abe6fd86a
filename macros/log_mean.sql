{% macro log_mean(expression) %}
    {#- Rounded, because the last digits of a sum depend on its order. -#}
    cast(
        round(exp(avg(ln(1 + cast({{ expression }} as double)))) - 1, 4) as double
    )
{%- endmacro %}
