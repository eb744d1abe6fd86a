{% macro publish_marts(results) %}
    {{ return(adapter.dispatch("publish_marts")(results)) }}
{% endmacro %}


{% macro duckdb__publish_marts(results) %}
    {#-
    The gate: a build of the whole graph in which every node ran and passed. A selection,
    a failure or `dbt run` leaves the last good version where it is, and says so. Unit
    tests see no data; a build that leaves them out is whole.
    -#}
    {% if execute and flags.WHICH == "build" %}
        {% set ran = {} %}
        {% set failed = [] %}
        {% set skipped = [] %}
        {% set tests = [] %}
        {% for result in results %}
            {% do ran.update({result.node.unique_id: true}) %}
            {% if result.status | string == "skipped" %}
                {% do skipped.append(result.node.name) %}
            {% elif result.status | string not in ("success", "pass", "warn", "no-op") %}
                {% do failed.append(result.node.name) %}
            {% elif result.node.resource_type | string in ("test", "unit_test")
                and result.status | string == "pass" %}
                {% do tests.append(result.node.name) %}
            {% endif %}
        {% endfor %}
        {% set missing = [] %}
        {% set relations = {} %}
        {% for node in graph.nodes.values() %}
            {% if node.resource_type in ("model", "test", "seed", "snapshot")
                and node.unique_id not in ran %}
                {% do missing.append(node.name) %}
            {% endif %}
            {% if node.resource_type == "model" and node.fqn[1] == "marts" %}
                {% do relations.update({node.name: node.relation_name}) %}
            {% endif %}
        {% endfor %}
        {% set narrowed = [] %}
        {% for argument in (
            "select", "exclude", "selector", "resource_types", "exclude_resource_types",
            "empty"
        ) %}
            {% set value = invocation_args_dict.get(argument) %}
            {% if value and value | list | string != "['unit_test']" %}
                {% do narrowed.append("--" ~ argument) %}
            {% endif %}
        {% endfor %}

        {% if failed or skipped %}
            {% do explain_unclassified_codes(failed) %}
            {{ log("not published: " ~ failed | length ~ " failed (" ~ failed | join(", ")
                ~ "), " ~ skipped | length ~ " skipped; readers keep the last good version, "
                ~ "if there is one", info=true) }}
        {% elif missing or narrowed %}
            {{ log("not published: this build was a part of the project; run `dbt build` "
                ~ "without a selection to publish", info=true) }}
        {% else %}
            {% set version = run_started_at.strftime("%Y%m%dT%H%M%S%f") ~ "Z-"
                ~ invocation_id[:8] %}
            {% set request = tojson({
                "version": version,
                "built_at": run_started_at.strftime("%Y-%m-%d %H:%M:%S"),
                "tests_passed": tests | length,
                "relations": relations,
                "publish_empty": var("publish_empty"),
            }) %}
            {% set path = call_plugin(
                "publish_marts(" ~ dbt.string_literal(dbt.escape_single_quotes(request)) ~ ")"
            ) %}
            {{ log("published: " ~ path, info=true) }}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro explain_unclassified_codes(failed) %}
    {% if "assert_every_stock_code_is_classified" in failed %}
        {% set lines = graph.nodes[
            "model.customer_intelligence.int_invoice_lines_classified"
        ].relation_name %}
        {% set codes = run_query(
            "select stock_code, count(*), sum(line_amount) from " ~ lines
            ~ " where stock_code_class = 'unclassified' group by 1 order by 2 desc limit 20"
        ) %}
        {{ log("stock codes that no rule of shop.yml knows: name them under codes, or widen "
            ~ "product_code_pattern (code, lines, amount; at most 20):", info=true) }}
        {% for code in codes.rows %}
            {{ log("  " ~ code | join(", "), info=true) }}
        {% endfor %}
    {% endif %}
{% endmacro %}
