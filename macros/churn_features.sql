{% macro churn_features() %}
    {%- set chosen = var("churn_features") -%}
    {%- if chosen is none -%}
        {#- Not known while dbt parses and where sqlfluff lints; unit tests set the var. -#}
        {%- set described = graph.nodes[
            "model.customer_intelligence.int_customer_features"
        ].columns.keys() if execute else [] -%}
        {%- set chosen = described | reject("in", ["customer_id", "cutoff_date"]) | list -%}
    {%- endif -%}
    {{ return(chosen) }}
{% endmacro %}
