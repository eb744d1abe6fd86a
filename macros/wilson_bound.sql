{% macro wilson_bound(successes, trials, side) -%}
    {#- Wilson (1927); 1.959964 is the 97.5 % quantile of the normal distribution. -#}
    {%- set z = 1.959964 -%}
    (
        {{ successes }} + {{ z * z / 2 }} {{ side }} {{ z }} * sqrt(
            {{ successes }} * 1.0 * ({{ trials }} - {{ successes }})
            / nullif({{ trials }}, 0) + {{ z * z / 4 }}
        )
    ) / nullif({{ trials }} + {{ z * z }}, 0)
{%- endmacro %}
