{% macro array_size(array) %}
    {{ return(adapter.dispatch("array_size")(array)) }}
{% endmacro %}


{% macro duckdb__array_size(array) -%}
    len({{ array }})
{%- endmacro %}


{% macro spark__array_size(array) -%}
    array_size({{ array }})
{%- endmacro %}


{% macro array_with(array, element) %}
    {{ return(adapter.dispatch("array_with")(array, element)) }}
{% endmacro %}


{% macro duckdb__array_with(array, element) -%}
    list_append({{ array }}, {{ element }})
{%- endmacro %}


{% macro spark__array_with(array, element) -%}
    array_append({{ array }}, {{ element }})
{%- endmacro %}


{% macro each_of(array) %}
    {{ return(adapter.dispatch("each_of")(array)) }}
{% endmacro %}


{% macro duckdb__each_of(array) -%}
    unnest({{ array }})
{%- endmacro %}


{% macro spark__each_of(array) -%}
    explode({{ array }})
{%- endmacro %}
