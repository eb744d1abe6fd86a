{% macro register_campaigns() %}
    {{ return(adapter.dispatch("register_campaigns")()) }}
{% endmacro %}


{% macro duckdb__register_campaigns() %}
    {% if execute %}
        {#- The profile puts the work database into <data dir>/build. -#}
        {% set data_dir = target.path.rpartition("/build/")[0] %}
        {% set files = find_files(data_dir, "campaigns/*.parquet") %}
        {% do run_query(
            "create or replace view raw.campaign_assignments as " ~ (
                "select * from read_parquet([" ~ files | join(", ") ~ "])" if files
                else "select cast(null as varchar) as campaign, "
                ~ "cast(null as date) as starts_on, cast(null as varchar) as customer_id, "
                ~ "cast(null as varchar) as action, cast(null as boolean) as is_holdout "
                ~ "where false"
            )
        ) %}
    {% endif %}
{% endmacro %}
