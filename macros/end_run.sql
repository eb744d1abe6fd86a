{% macro end_run(results) %}
    {{ return(adapter.dispatch("end_run")(results)) }}
{% endmacro %}


{% macro duckdb__end_run(results) %}
    {% if execute %}
        {% set errors = results | selectattr("status", "equalto", "error") | list %}
        {% do call_plugin("end_run(" ~ (errors | length == 0) ~ ")") %}
    {% endif %}
{% endmacro %}
