{% macro g_statistic(both, first, second, total, expected_both) -%}
    {#-
    The likelihood ratio of a table of two by two against what is expected (Wilks 1938):
    twice the sum of observed x ln(observed / expected) over its four cells.
    -#}
    {%- set cells = [
        (both, expected_both),
        ("(" ~ first ~ " - " ~ both ~ ")", "(" ~ first ~ " - " ~ expected_both ~ ")"),
        ("(" ~ second ~ " - " ~ both ~ ")", "(" ~ second ~ " - " ~ expected_both ~ ")"),
        (
            "(" ~ total ~ " - " ~ first ~ " - " ~ second ~ " + " ~ both ~ ")",
            "(" ~ total ~ " - " ~ first ~ " - " ~ second ~ " + " ~ expected_both ~ ")"
        ),
    ] -%}
    greatest(0.0, 2.0 * (
        {%- for observed, expected in cells %}
        case
            when {{ observed }} > 0
                then {{ observed }} * ln({{ observed }} / {{ expected }})
            else 0.0
        end{{ " +" if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}


{% macro chi_square_p_value(statistic) -%}
    {#-
    Survival of chi-square with one degree of freedom: erfc(sqrt(x / 2)) by the Chebyshev
    fit of Press et al., Numerical Recipes, section 6.2 (erfcc), whose relative error is
    below 1.2e-7 everywhere. The exponent ends at -700, because some engines fail on
    smaller numbers: beyond a statistic of 1,400 all p-values are about 1e-306.
    -#}
    {%- set coefficients = [
        1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398,
        1.48851587, -0.82215223, 0.17087277
    ] -%}
    {%- set t = "(1.0 / (1.0 + 0.5 * sqrt(0.5 * " ~ statistic ~ ")))" -%}
    least(1.0, {{ t }} * exp(greatest(-700.0, -0.5 * {{ statistic }} - 1.26551223
        {%- for coefficient in coefficients %} + {{ t }} * ({{ coefficient }}{% endfor -%}
        {{ ")" * (coefficients | length) }})))
{%- endmacro %}


{% macro false_discovery_rate(p_value, p_value_rank, tests) -%}
    {#- Benjamini and Hochberg (1995). -#}
    min(least(1.0, {{ p_value }} * {{ tests }} / {{ p_value_rank }})) over (
        order by {{ p_value_rank }} desc
        rows between unbounded preceding and current row
    )
{%- endmacro %}
