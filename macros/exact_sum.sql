{% macro exact_sum(expression) -%}
    {#-
    Millionths are whole numbers, which doubles add without an error, up to 9e15 of them:
    so the order of the rows does not matter. Other sums of doubles differ in their last
    digits, and where they are rounded, what lies halfway falls to either side.
    -#}
    sum(round(1e6 * ({{ expression }}))) / 1e6
{%- endmacro %}
