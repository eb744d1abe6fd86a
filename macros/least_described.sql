{% macro least_described() -%}
    {#- Also customers.MIN_DESCRIBED of the package, which leaves small clusters unnamed. -#}
    {{ return({"customers": 30, "days": 90, "cluster_share": 0.05}) }}
{%- endmacro %}
