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
    greatest(0.0, 2e0 * (
        {%- for observed, expected in cells %}
        case
            when {{ observed }} > 0
                then {{ observed }} * ln({{ observed }} * 1e0 / {{ expected }})
            else 0.0
        end{{ " +" if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}


{% macro chi_square_p_value(statistic) %}
    {{ return(adapter.dispatch("chi_square_p_value")(statistic)) }}
{% endmacro %}


{% macro duckdb__chi_square_p_value(statistic) -%}
    {#-
    erfc of the root of half the statistic: 1 less the series of erf (Abramowitz and
    Stegun 1964, 7.1.6), and where that would leave too few digits the continued
    fraction of erfc (7.1.14). A statistic that is not defined is no evidence: `least`
    takes null and NaN for 1.
    -#}
    {%- set half = "(cast(" ~ statistic ~ " as double) / 2e0)" -%}
    least(1.0, case
        when {{ half }} < 4
            then 1 - 2 / sqrt(pi()) * exp(-{{ half }}) * sqrt({{ half }}) * list_reduce(
                {{ doubles_down_from(60) }},
                lambda series, i: 1 + series * 2 * {{ half }} / (2 * i + 1), 1e0
            )
        else exp(-{{ half }}) / sqrt(pi()) / list_reduce(
            {{ doubles_down_from(60) }},
            lambda fraction, i: sqrt({{ half }}) + i / 2 / fraction, sqrt({{ half }})
        )
    end)
{%- endmacro %}


{% macro doubles_down_from(number) -%}
    list_transform(range({{ number }}, 0, -1), lambda i: cast(i as double))
{%- endmacro %}


{% macro spark__chi_square_p_value(statistic) -%}
    {#-
    erfc of the root of half the statistic: 1 less the series of erf (Abramowitz and
    Stegun 1964, 7.1.6), and where that would leave too few digits the continued
    fraction of erfc (7.1.14).
    -#}
    {%- set half = "(cast(" ~ statistic ~ " as double) / 2e0)" -%}
    case
        when {{ half }} >= 0 and {{ half }} < 4
            then 1 - 2 / sqrt(pi()) * exp(-{{ half }}) * aggregate(
                sequence(1, 60),
                struct(sqrt({{ half }}) as term, sqrt({{ half }}) as total),
                (series, i) -> struct(
                    series.term * 2 * {{ half }} / (2 * i + 1) as term,
                    series.total + series.term * 2 * {{ half }} / (2 * i + 1) as total
                ),
                series -> series.total
            )
        when {{ half }} >= 4 and not isnan({{ half }})
            then exp(-{{ half }}) / sqrt(pi()) / aggregate(
                sequence(60, 1), sqrt({{ half }}),
                (fraction, i) -> sqrt({{ half }}) + i / 2e0 / fraction
            )
        else 1e0
    end
{%- endmacro %}


{% macro chi_square_critical_value(degrees_of_freedom, p_value) %}
    {{ return(
        adapter.dispatch("chi_square_critical_value")(degrees_of_freedom, p_value)
    ) }}
{% endmacro %}


{% macro duckdb__chi_square_critical_value(degrees_of_freedom, p_value) -%}
    {#-
    Newton's method on the logarithm of the upper tail, which is concave, at half the
    value: with a of half the degrees of freedom the tail is x to the a times exp(-x),
    divided by gamma(a) and by a continued fraction (Abramowitz and Stegun 1964,
    6.5.31). Each step is handed the logarithm of the chance: a window function may
    stand there, and not in a lambda.
    -#}
    {%- set a = "(" ~ degrees_of_freedom ~ " / 2e0)" -%}
    {%- set fraction = "list_reduce(" ~ doubles_down_from(200) ~ ", lambda f, i: "
        ~ "x + 2 * i - 1 - " ~ a ~ " - i * (i - " ~ a ~ ") / f, x + 401e0 - " ~ a ~ ")" -%}
    (2e0 * list_reduce(
        repeat([ln({{ p_value }})], 30),
        lambda x, log_p: greatest(x + (
            {{ a }} * ln(x) - x - ln({{ fraction }}) - log_p - lgamma({{ a }})
        ) * x / {{ fraction }}, x / 2),
        {{ a }} + 2e0
    ))
{%- endmacro %}


{% macro spark__chi_square_critical_value(degrees_of_freedom, p_value) -%}
    {#-
    Newton's method on the logarithm of the upper tail, which is concave, at half the
    value: with a of half the degrees of freedom the tail is x to the a times exp(-x),
    divided by gamma(a) and by a continued fraction (Abramowitz and Stegun 1964,
    6.5.31), and gamma is Stirling's series from a + 10 on (6.1.40).
    -#}
    {%- set a = "(" ~ degrees_of_freedom ~ " / 2e0)" -%}
    {%- set fraction = "aggregate(sequence(200, 1), x + 401e0 - " ~ a ~ ", (f, i) -> "
        ~ "x + 2 * i - 1 - " ~ a ~ " - i * (i - " ~ a ~ ") / f)" -%}
    (2e0 * aggregate(
        sequence(1, 30), {{ a }} + 2e0,
        (x, step) -> greatest(x + (
            {{ a }} * ln(x) - x - ln({{ fraction }}) - ln({{ p_value }})
            - ({{ a }} + 95e-1) * ln({{ a }} + 10) + {{ a }} + 10 - ln(2 * pi()) / 2
            - 1 / (12 * ({{ a }} + 10)) + 1 / (360 * power({{ a }} + 10, 3))
            - 1 / (1260 * power({{ a }} + 10, 5))
            + aggregate(sequence(0, 9), 0e0, (total, i) -> total + ln({{ a }} + i))
        ) * x / {{ fraction }}, x / 2)
    ))
{%- endmacro %}


{% macro false_discovery_rate(p_value, p_value_rank, tests) -%}
    {#- Benjamini and Hochberg (1995). -#}
    min(least(1.0, {{ p_value }} * {{ tests }} * 1e0 / {{ p_value_rank }})) over (
        order by {{ p_value_rank }} desc
        rows between unbounded preceding and current row
    )
{%- endmacro %}
