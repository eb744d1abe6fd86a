{% macro register_raw_lines() %}
    {{ return(adapter.dispatch("register_raw_lines")()) }}
{% endmacro %}


{% macro duckdb__register_raw_lines() %}
    {#-
    The files are named one by one: a load that arrives during a build is not in it, and
    brackets in the name of a directory are not taken for a pattern.
    -#}
    {% if execute %}
        {#- The profile puts the work database into <data dir>/build. -#}
        {% set data_dir = target.path.rpartition("/build/")[0] %}
        {% set project_dir = invocation_args_dict.get("project_dir") or "." %}
        {% set loads = find_files(data_dir, "raw/[0-9]*/invoice_lines.parquet") %}
        {% set directory = data_dir if loads else project_dir ~ "/data/sample" %}
        {% set notes = find_files(directory, "raw/[0-9]*/load.json") %}
        {% if var("raw_relation") %}
            {% set relation = dbt.escape_single_quotes(var("raw_relation") | string) %}
            {% set tomorrow = run_started_at + modules.datetime.timedelta(days=1) %}
            {% set lines = call_plugin(
                "raw_lines_of_relation(" ~ dbt.string_literal(relation) ~ ", timestamp '"
                ~ tomorrow.strftime("%Y-%m-%d %H:%M:%S") ~ "')"
            ) %}
            {% set notes = [] %}
        {% else %}
            {% set files = loads or find_files(
                directory, "raw/[0-9]*/invoice_lines.parquet"
            ) %}
            {#- Loads made before there was such a column hold no cancelled orders. -#}
            {% set lines = "select cast(null as boolean) as is_cancelled_order where false "
                ~ "union all by name select * from read_parquet([" ~ files | join(", ")
                ~ "], union_by_name = true)" %}
            {% if loads %}
                {% do check_shop_vars() %}
            {% endif %}
        {% endif %}
        {% do run_query("create schema if not exists raw") %}
        {% do run_query("create or replace view raw.invoice_lines as " ~ lines) %}
        {% do run_query("create or replace view raw.loads as " ~ select_loads(notes)) %}
        {% if flags.WHICH in ("build", "run") %}
            {{ log(
                "source: " ~ (
                    "the relation " ~ var("raw_relation") if var("raw_relation")
                    else loads | length ~ " load(s) in " ~ data_dir ~ "/raw" if loads
                    else "the bundled sample (no load in " ~ data_dir ~ "/raw)"
                ), info=true
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro check_shop_vars() %}
    {#- `make build` gives them; a plain `dbt build` would fall back on another shop's. -#}
    {%- set given = invocation_args_dict.get("vars") or {} -%}
    {%- set missing = {} -%}
    {%- for name, value in fromjson(call_plugin("shop_vars()")).items() -%}
        {%- if name not in given and var(name) != value -%}
            {%- do missing.update({name: value}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            "The mapping of this shop's files says " ~ tojson(missing) ~ ", and this command "
            ~ "does not. Run `make build`, or add --vars '" ~ tojson(missing) ~ "'."
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro find_files(directory, names) %}
    {%- set pattern = escape_glob(directory) ~ "/" ~ names -%}
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


{% macro select_loads(files) %}
    {%- set types = {
        "load_id": "varchar",
        "load_number": "integer",
        "source_file": "varchar",
        "file_sha256": "varchar",
        "records": "bigint",
        "pseudonym_key": "varchar",
        "loaded_at": "varchar",
    } -%}
    {%- set columns = [] -%}
    {%- for name, type in types.items() -%}
        {%- do columns.append(
            name ~ ": '" ~ type ~ "'" if files else "cast(null as " ~ type ~ ") as " ~ name
        ) -%}
    {%- endfor -%}
    {%- if files -%}
        select * from read_json(
            [{{ files | join(", ") }}],
            format = 'unstructured',
            columns = { {{ columns | join(", ") }} }
        )
    {%- else -%}
        select {{ columns | join(", ") }} where false
    {%- endif -%}
{% endmacro %}
