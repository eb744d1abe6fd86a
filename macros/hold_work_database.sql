{% macro begin_run() %}
    {{ return(adapter.dispatch("begin_run")()) }}
{% endmacro %}


{% macro duckdb__begin_run() %}
    {% if execute %}
        {% do call_plugin("begin_run()") %}
    {% endif %}
{% endmacro %}


{% macro call_plugin(call) %}
    {%- set answer = fromjson(run_query("select " ~ call).rows[0][0]) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer.result) }}
{% endmacro %}
