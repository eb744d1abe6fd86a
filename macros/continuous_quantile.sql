{% macro continuous_quantile(expression, fraction) %}
    {{ return(adapter.dispatch("continuous_quantile")(expression, fraction)) }}
{% endmacro %}


{% macro duckdb__continuous_quantile(expression, fraction) -%}
    quantile_cont(cast({{ expression }} as double), {{ fraction }})
{%- endmacro %}


{% macro spark__continuous_quantile(expression, fraction) -%}
    percentile(cast({{ expression }} as double), {{ fraction }})
{%- endmacro %}
