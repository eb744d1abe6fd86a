{% macro register_raw_lines() %}
    {{ return(adapter.dispatch("register_raw_lines")()) }}
{% endmacro %}


{% macro duckdb__register_raw_lines() %}
    {#- A glob without a match is an error in DuckDB, so the choice is made here. -#}
    {% if execute %}
        {% set data_dir = env_var("CUSTOMER_INTELLIGENCE_DATA_DIR", "data/local") %}
        {% set project_dir = invocation_args_dict.get("project_dir") or "." %}
        {% set loads = data_dir ~ "/raw/[0-9]*/invoice_lines.parquet" %}
        {% set sample = project_dir ~ "/data/sample/raw/*/invoice_lines.parquet" %}
        {% set found = run_query(
            "select count(*) from glob(" ~ dbt.string_literal(dbt.escape_single_quotes(loads)) ~ ")"
        ).rows[0][0] %}
        {% set files = loads if found else sample %}
        {% do run_query("create schema if not exists raw") %}
        {% do run_query(
            "create or replace view raw.invoice_lines as select * from read_parquet("
            ~ dbt.string_literal(dbt.escape_single_quotes(files)) ~ ")"
        ) %}
        {% if flags.WHICH in ("build", "run") %}
            {{ log(
                "source: " ~ (found ~ " load(s) in " ~ data_dir ~ "/raw" if found
                else "the bundled sample (no load in " ~ data_dir ~ "/raw)"), info=true
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}
