{% macro call_plugin(call) %}
    {%- set answer = fromjson(run_query("select " ~ call).rows[0][0]) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer.result) }}
{% endmacro %}
