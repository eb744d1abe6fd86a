{% macro begin_run() %}
    {{ return(adapter.dispatch("begin_run")()) }}
{% endmacro %}


{% macro duckdb__begin_run() %}
    {% if execute %}
        {% do call_plugin("begin_run()") %}
    {% endif %}
{% endmacro %}


{% macro end_run(results) %}
    {{ return(adapter.dispatch("end_run")(results)) }}
{% endmacro %}


{% macro duckdb__end_run(results) %}
    {% if execute %}
        {% set errors = results | selectattr("status", "equalto", "error") | list %}
        {% do call_plugin("end_run(" ~ (errors | length == 0) ~ ")") %}
    {% endif %}
{% endmacro %}


{% macro call_plugin(call) %}
    {%- set answer = fromjson(run_query("select " ~ call).rows[0][0]) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer.result) }}
{% endmacro %}
