{% macro register_raw_lines() %}
    {{ return(adapter.dispatch("register_raw_lines")()) }}
{% endmacro %}


{% macro duckdb__register_raw_lines() %}
    {#-
    The files are named one by one: a load that arrives during a build is not in it, and
    brackets in the name of a directory are not taken for a pattern.
    -#}
    {% if execute %}
        {% set data_dir = env_var("CUSTOMER_INTELLIGENCE_DATA_DIR", "data/local") %}
        {% set project_dir = invocation_args_dict.get("project_dir") or "." %}
        {% set loads = find_raw_files(data_dir ~ "/raw") %}
        {% set files = loads or find_raw_files(project_dir ~ "/data/sample/raw") %}
        {% do run_query("create schema if not exists raw") %}
        {% do run_query(
            "create or replace view raw.invoice_lines as select * from read_parquet(["
            ~ files | join(", ") ~ "])"
        ) %}
        {% if flags.WHICH in ("build", "run") %}
            {{ log(
                "source: " ~ (loads | length ~ " load(s) in " ~ data_dir ~ "/raw" if loads
                else "the bundled sample (no load in " ~ data_dir ~ "/raw)"), info=true
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro find_raw_files(directory) %}
    {%- set pattern = escape_glob(directory) ~ "/[0-9]*/invoice_lines.parquet" -%}
    {%- set found = run_query(
        "select file from glob("
        ~ dbt.string_literal(dbt.escape_single_quotes(pattern)) ~ ") order by file"
    ) -%}
    {%- set files = [] -%}
    {%- for file in found.columns[0].values() -%}
        {%- do files.append(
            dbt.string_literal(dbt.escape_single_quotes(escape_glob(file)))
        ) -%}
    {%- endfor -%}
    {{ return(files) }}
{% endmacro %}


{% macro escape_glob(path) %}
    {{ return(
        path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")
    ) }}
{% endmacro %}
