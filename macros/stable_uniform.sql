{% macro stable_uniform(key) %}
    {{ return(adapter.dispatch("stable_uniform")(key)) }}
{% endmacro %}


{% macro duckdb__stable_uniform(key) -%}
    (cast('0x' || substr(md5({{ key }}), 1, 8) as bigint) + 5e-1) / 4294967296e0
{%- endmacro %}


{% macro spark__stable_uniform(key) -%}
    (cast(conv(substr(md5({{ key }}), 1, 8), 16, 10) as bigint) + 5e-1) / 4294967296e0
{%- endmacro %}
