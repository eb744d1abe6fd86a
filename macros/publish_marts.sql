{% macro publish_marts(results) %}
    {#-
    This macro only collects what the gate (customer_intelligence.publication.gate) decides on: a build of the
    whole graph in which every node ran and passed publishes.
    -#}
    {#- dbt compiles its hooks too, side by side: a command that builds nothing has no end. -#}
    {% if execute and is_own_project() and flags.WHICH not in ("compile", "generate") %}
        {% set ended = [] %}
        {% set failed = [] %}
        {% for result in results %}
            {% do ended.append({
                "id": result.node.unique_id,
                "name": result.node.name,
                "type": result.node.resource_type | string,
                "status": result.status | string,
            }) %}
            {% if result.status | string in ("fail", "error") %}
                {% do failed.append(result.node.name) %}
            {% endif %}
        {% endfor %}
        {% set nodes = [] %}
        {% set models = [] %}
        {% set keys = [] %}
        {% for node in graph.nodes.values() %}
            {% do nodes.append({
                "id": node.unique_id, "name": node.name, "type": node.resource_type,
            }) %}
            {% if node.resource_type == "model" and node.config.access == "public" %}
                {% set columns = {} %}
                {% for name, column in node.columns.items() %}
                    {% do columns.update({name: column.description}) %}
                {% endfor %}
                {% do models.append({
                    "id": node.unique_id,
                    "name": node.name,
                    "schema": node.config.schema,
                    "relation": node.relation_name,
                    "description": node.description,
                    "columns": columns,
                }) %}
            {% elif node.resource_type == "test" and node.test_metadata
                and node.test_metadata.name in ("is_unique_key", "unique", "relationships") %}
                {% do keys.append({
                    "kind": node.test_metadata.name,
                    "model": node.attached_node,
                    "arguments": node.test_metadata.kwargs,
                }) %}
            {% endif %}
        {% endfor %}
        {% set narrowed = [] %}
        {% for argument in (
            "select", "exclude", "selector", "resource_types", "exclude_resource_types",
            "empty", "sample"
        ) %}
            {% set value = invocation_args_dict.get(argument) %}
            {#- Unit tests see no data; a build that leaves them out is whole. -#}
            {% if value and value | list | string != "['unit_test']" %}
                {% do narrowed.append("--" ~ argument) %}
            {% endif %}
        {% endfor %}
        {% do explain_unclassified_codes(failed) %}
        {% set done = ended | selectattr("status", "equalto", "success")
            | map(attribute="id") | list %}
        {% set seeds = graph.nodes.values() | selectattr("resource_type", "equalto", "seed") %}
        {% set tables = (tables_of_lines() + seeds | list) | map(attribute="unique_id") | list %}
        {% set as_of = graph.nodes.get("model.customer_intelligence.int_as_of") %}
        {% set report = tojson({
            "as_of": as_of.relation_name
                if as_of and tables | reject("in", done) | list == [] and not without_rows()
                else none,
            "command": flags.WHICH,
            "started_at": run_started_at.strftime("%Y-%m-%d %H:%M:%S"),
            "invocation_id": invocation_id,
            "publish_empty": var("publish_empty"),
            "target": flags.TARGET_PATH or "target" if flags.WRITE_JSON else none,
            "narrowed": narrowed,
            "results": ended,
            "nodes": nodes,
            "models": models,
            "keys": keys,
        }) %}
        {% set said = call_plugin("end_command", report) %}
        {% if said %}
            {{ log(said, info=true) }}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro explain_unclassified_codes(failed) %}
    {% if "assert_every_stock_code_is_classified" in failed %}
        {% set lines = graph.nodes[
            "model.customer_intelligence.int_product_amounts"
        ].relation_name %}
        {% set codes = run_query(
            "select stock_code, sum(lines), sum(amount) from " ~ lines
            ~ " where stock_code_class = 'unclassified' group by 1 order by 2 desc limit 20"
        ) %}
        {{ log("stock codes that no rule of shop.yml knows: name them under codes, or widen "
            ~ "product_code_pattern (code, lines, amount; at most 20):", info=true) }}
        {% for code in codes.rows %}
            {{ log("  " ~ code | join(", "), info=true) }}
        {% endfor %}
    {% endif %}
{% endmacro %}
