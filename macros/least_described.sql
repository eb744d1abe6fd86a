{% macro least_described() -%}
    {#- The package leaves such clusters unnamed by the same rule (clusters.names); a test
        holds the two together. -#}
    {{ return({"customers": 30, "days": 90, "cluster_share": 0.05}) }}
{%- endmacro %}
