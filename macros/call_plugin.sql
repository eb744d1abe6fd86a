{% macro call_plugin(function, request="") %}
    {%- set answer = fromjson(
        adapter.dispatch("ask_plugin", "customer_intelligence")(function, request)
    ) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer.result) }}
{% endmacro %}


{% macro duckdb__ask_plugin(function, request) %}
    {%- set said = dbt.string_literal(dbt.escape_single_quotes(request)) if request else "" -%}
    {{ return(run_query("select " ~ function ~ "(" ~ said ~ ")").rows[0][0]) }}
{% endmacro %}


{% macro sparksession__ask_plugin(function, request) %}
    {{ return(adapter.call_project(function, request)) }}
{% endmacro %}
