{% macro wilson_bound(successes, trials, side) -%}
    (
        {{ successes }} + 1.920729
        {{ side }} 1.959964 * sqrt(
            {{ successes }} * ({{ trials }} - {{ successes }})
            / nullif({{ trials }}, 0) + 0.960365
        )
    ) / nullif({{ trials }} + 3.841459, 0)
{%- endmacro %}
