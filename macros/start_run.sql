{% macro start_run() %}
    {#- One hook: dbt compiles several of them side by side. -#}
    {% if execute and is_own_project() %}
        {% set given = invocation_args_dict.get("vars") or {} %}
        {% set variables = {} %}
        {% for name in fromjson(call_plugin("names_of_vars")) %}
            {% set value = var(name) %}
            {#- YAML reads a day as a date, which JSON does not know. -#}
            {% set is_plain = value is none or value is boolean or value is number
                or value is string or (value is sequence and value is not mapping
                and value | select("string") | list | length == value | length) %}
            {% do variables.update({name: value if is_plain else value | string}) %}
        {% endfor %}
        {% set models = [] %}
        {% for name in ("int_customer_features", "int_churn_examples") %}
            {% set node = graph.nodes.get("model.customer_intelligence." ~ name) %}
            {#- None where whoever uses the project has disabled it. -#}
            {% if node %}{% do models.append({
                "name": name,
                "columns": node.columns.keys() | list,
                "described_in": (node.patch_path or "no file").split("://") | last,
                "written_in": node.original_file_path,
                "sql": node.raw_code,
            }) %}{% endif %}
        {% endfor %}
        {% set undescribed = [] %}
        {% for node in graph.nodes.values() %}
            {% if node.resource_type == "model" and not node.patch_path %}
                {% do undescribed.append(node.original_file_path) %}
            {% endif %}
        {% endfor %}
        {% set selected = selected_resources or [] %}
        {% set changed = tables_of_lines() | selectattr("unique_id", "in", selected) | list %}
        {% set left_out = graph.nodes.values() | selectattr("resource_type", "equalto", "model")
            | rejectattr("unique_id", "in", selected) | list %}
        {% set request = tojson({
            "command": flags.WHICH,
            "changes_lines": changed | length > 0,
            "is_whole": not left_out,
            "is_anew": flags.FULL_REFRESH or without_rows(),
            "project_dir": invocation_args_dict.get("project_dir") or ".",
            "variables": variables,
            "models": models,
            "undescribed": undescribed,
            "given": given.keys() | map("string") | list,
            "started_at": run_started_at.strftime("%Y-%m-%d %H:%M:%S"),
        }) %}
        {% set started = fromjson(call_plugin("start_run", request)) %}
        {% if flags.WHICH in ("build", "run", "retry") %}
            {{ log("source: " ~ started["source"], info=true) }}
            {% for node in changed if not started["keeps_lines"] %}
                {#- Without its table dbt builds an incremental model whole. -#}
                {% set table = adapter.get_relation(node.database, node.schema, node.alias) %}
                {% if table %}
                    {% do adapter.drop_relation(table) %}
                {% endif %}
            {% endfor %}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro without_rows() %}
    {% set asked = [invocation_args_dict.get("empty"), invocation_args_dict.get("sample")] %}
    {{ return(asked | select | list | length > 0) }}
{% endmacro %}


{% macro tables_of_lines() %}
    {{ return(
        graph.nodes.values() | selectattr("resource_type", "equalto", "model")
        | selectattr("config.materialized", "equalto", "incremental") | list
    ) }}
{% endmacro %}
