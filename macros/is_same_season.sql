{% macro is_same_season(earlier_date, later_date) -%}
    {#- 52 weeks apart, give or take half a month: the nearest of monthly dates. -#}
    abs({{ day_difference(earlier_date, later_date) }} - 364) <= 16
{%- endmacro %}
