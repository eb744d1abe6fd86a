{% macro register_previous_clusters() %}
    {{ return(adapter.dispatch("register_previous_clusters")()) }}
{% endmacro %}


{% macro duckdb__register_previous_clusters() %}
    {#- The row of nulls types the columns where there are no clusters. -#}
    {% if execute %}
        {% set rows = ["(null, null, null, null)"] %}
        {% for row in fromjson(call_plugin("previous_clusters()")) %}
            {% do rows.append("(" ~ row | join(", ") ~ ")") %}
        {% endfor %}
        {% do run_query(
            "create or replace view raw.previous_clusters as "
            ~ "select cast(cluster_id as integer) as cluster_id, "
            ~ "cast(days_since_last_order as double) as days_since_last_order, "
            ~ "cast(frequency as double) as frequency, cast(net_revenue as double) as net_revenue "
            ~ "from (values " ~ rows | join(", ") ~ ") as "
            ~ "clusters(cluster_id, days_since_last_order, frequency, net_revenue) "
            ~ "where cluster_id is not null"
        ) %}
    {% endif %}
{% endmacro %}
