{% macro classic_quintile_scores(customers) -%}
    {#-
    What pandas.qcut(…, 5) does in the tutorials: cut points are interpolated quantiles,
    a value on a cut belongs below it, and ties in frequency are broken by customer order.
    -#}
    {%- set measures = {
        "days": "days_since_last_order",
        "frequency": "frequency_position",
        "revenue": "net_revenue",
    } -%}
    select
        positioned.*,
        5 - {{ cuts_below("days", measures) }} as r_score,
        1 + {{ cuts_below("frequency", measures) }} as f_score,
        1 + {{ cuts_below("revenue", measures) }} as m_score
    from (
        select
            *,
            row_number() over (
                partition by as_of_date
                order by frequency nulls last, customer_id nulls last
            ) as frequency_position
        from {{ customers }}
    ) as positioned
    inner join (
        select
            as_of_date,
            {% for name, measure in measures.items() -%}
            {% set outer_loop = loop -%}
            {% for fifth in range(1, 5) -%}
            {{ continuous_quantile(measure, fifth / 5) }} as {{ name }}_cut_{{ fifth }}
            {{- "," if not (loop.last and outer_loop.last) }}
            {% endfor -%}
            {% endfor %}
        from (
            select
                *,
                row_number() over (
                    partition by as_of_date
                    order by frequency nulls last, customer_id nulls last
                ) as frequency_position
            from {{ customers }}
        ) as measured_positions
        group by as_of_date
    ) as cuts on positioned.as_of_date = cuts.as_of_date
{%- endmacro %}


{% macro cuts_below(name, measures) -%}
    (
        {%- for fifth in range(1, 5) %}
        cast({{ measures[name] }} > {{ name }}_cut_{{ fifth }} as integer)
        {{- " +" if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
