{% macro customers_to_resample(known_customers) -%}
    {%- set sample = var("bootstrap_customers") | int -%}
    select
        customer_id,
        least(1.0, {{ sample }} * 1e0 / customers) as sampled_share
    from {{ known_customers }}
    cross join (select count(*) as customers from {{ known_customers }}) as counted
    where {{ stable_uniform("customer_id") }} * customers < {{ sample }}
{%- endmacro %}


{% macro bootstrap_weights(customers) -%}
    {#- Resample 0 is the data itself; in the others the sampled customers stand for all. -#}
    with known_customers as (
        select distinct customer_id from {{ customers }}
    ),

    resampled_customers as (
        {{ customers_to_resample("known_customers") }}
    ),

    resamples as (
        {{ integer_series(var("bootstrap_resamples") | int) }}
    ),

    draws as (
        select
            resampled_customers.customer_id,
            resampled_customers.sampled_share,
            resamples.generated_number as resample,
            {{ stable_uniform(
                "resampled_customers.customer_id || '-' || resamples.generated_number"
            ) }} as draw
        from resampled_customers
        cross join resamples
    )

    select
        customer_id,
        sampled_share,
        resample,
        {{ poisson_weight("draw") }} as weight
    from draws
    union all
    select
        customer_id,
        null as sampled_share,
        0 as resample,
        1 as weight
    from known_customers
{%- endmacro %}


{% macro bootstrap_intervals(
    resampled_values, keys, resampled_customers, lowest="null", highest="null"
) -%}
    {#-
    A sample of m of n customers spreads the square root of n / m wider than all would
    (Bickel, Götze and van Zwet 1997), so its spread is scaled back around the value.
    -#}
    {%- set drawn = "case when resample > 0 then value end" -%}
    select
        {% for key in keys -%}
            summarised.{{ key }},
        {% endfor -%}
        {{ within("summarised.value", lowest, highest) }} as value,
        {{ within(
            "(summarised.value + (summarised.low_value - summarised.middle_value)"
            ~ " * scale.spread)", lowest, highest
        ) }} as ci_low,
        {{ within(
            "(summarised.value + (summarised.high_value - summarised.middle_value)"
            ~ " * scale.spread)", lowest, highest
        ) }} as ci_high
    from (
        select
            {% for key in keys -%}
                {{ key }},
            {% endfor -%}
            max(case when resample = 0 then value end) as value,
            {{ continuous_quantile(drawn, 0.025) }} as low_value,
            {{ continuous_quantile(drawn, 0.5) }} as middle_value,
            {{ continuous_quantile(drawn, 0.975) }} as high_value
        from {{ resampled_values }}
        group by {{ keys | join(", ") }}
    ) as summarised
    cross join (
        select sqrt(max(sampled_share)) as spread
        from {{ resampled_customers }}
    ) as scale
{%- endmacro %}
