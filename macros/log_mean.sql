{% macro log_mean(expression) %}
    {#- Rounded, because the last digits of a sum depend on its order. -#}
    {{ round_to("exp(avg(ln(1 + cast(" ~ expression ~ " as double)))) - 1", 4) }}
{%- endmacro %}
