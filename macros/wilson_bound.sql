{% macro wilson_bound(successes, trials, side) -%}
    {#-
    Wilson (1927); 1.959964 is the 97.5 % quantile of the normal distribution. Rounding
    takes a bound neither beyond 0 and 1 nor past the share itself.
    -#}
    {%- set z = 1.959964 -%}
    {%- set share = proportion(successes, trials) -%}
    {%- set bound -%}
        ((
            {{ successes }} + {{ z * z / 2 }} {{ side }} {{ z }} * sqrt(
                {{ successes }} * 1e0 * ({{ trials }} - {{ successes }})
                / nullif({{ trials }}, 0) + {{ z * z / 4 }}
            )
        ) / nullif({{ trials }} + {{ z * z }}, 0))
    {%- endset -%}
    {{ within(bound, "0.0", share) if side == "-" else within(bound, share, "1.0") }}
{%- endmacro %}
