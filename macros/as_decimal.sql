{% macro as_decimal(expression, precision=38, scale=4) %}
    {{ return(adapter.dispatch("as_decimal")(expression, precision, scale)) }}
{% endmacro %}


{% macro duckdb__as_decimal(expression, precision, scale) -%}
    cast({{ expression }} as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}


{% macro spark__as_decimal(expression, precision, scale) -%}
    {#-
    A double as DuckDB rounds it: Spark would round the digits that it prints. Of a
    decimal there are no two opinions.
    -#}
    {%- set type = "decimal(" ~ precision ~ ", " ~ scale ~ ")" -%}
    if(
        typeof({{ expression }}) = 'double',
        cast({{ round_to(expression, scale) }} as {{ type }}),
        cast({{ expression }} as {{ type }})
    )
{%- endmacro %}
