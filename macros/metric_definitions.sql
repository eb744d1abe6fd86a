{% macro metric_definitions() -%}
    {#- There are none while dbt parses, in unit tests, and where sqlfluff lints. -#}
    {%- set metrics = (
        graph.get("metrics", {}).values()
        | selectattr("package_name", "equalto", "customer_intelligence")
        | sort(attribute="name") | list
    ) if execute else [] -%}
    {%- for metric in metrics -%}
        select
            '{{ metric.name }}' as kpi,
            {{ dbt.string_literal(dbt.escape_single_quotes(
                metric.description.split() | join(" ")
            )) }} as definition
        {% if not loop.last %}union all{% endif %}
    {% else -%}
        select
            cast(null as string) as kpi,
            cast(null as string) as definition
    {%- endfor %}
{%- endmacro %}
