{% macro doublings(number) -%}
    {#- Logarithms miss powers of two by their last digits. -#}
    cast(floor(ln({{ number }}) / ln(2.0) + 1e-9) as integer)
{%- endmacro %}


{% macro columns_by_class(condition, prefix, classes) -%}
    {%- for class in range(classes) -%}
    {%- for name, column in [("customers", "customers"), ("share", "customer_share")] -%}
        sum(
            case
                when {{ condition }} and range_class = {{ class }} then {{ column }}
                else 0
            end
        ) as {{ prefix }}{{ name }}_{{ class }}
        {{- "," if not (loop.last and class == classes - 1) }}
        {% endfor -%}
    {%- endfor -%}
{%- endmacro %}


{% macro expected_by_class(product, other_product, prefix, classes) -%}
    cast(
        {%- for class in range(classes) %}
        {{ product }}.{{ prefix }}customers_{{ class }}
        * {{ other_product }}.{{ prefix }}share_{{ class }}{{ " +" if not loop.last }}
        {%- endfor %}
        as double
    )
{%- endmacro %}
