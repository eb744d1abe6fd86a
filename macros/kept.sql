{% macro kept(queries) %}
    {{ return(adapter.dispatch("kept")(queries)) }}
{% endmacro %}


{% macro duckdb__kept(queries) -%}
    {#- DuckDB keeps by itself what a statement reads again. -#}
    {% for name, query in queries.items() -%}
        {{ name }} as (
            {{ query }}
        )
        {{- "," if not loop.last }}
    {% endfor %}
{%- endmacro %}


{% macro spark__kept(queries) -%}
    {#-
    Spark makes a query anew wherever it is read, and what is made of it likewise: twice
    at each step is a thousand times after ten. So each becomes a table of its own, named
    after the model, which the later ones read. A unit test has no tables to read.
    -#}
    {%- set tables = {} -%}
    {%- for name, query in queries.items()
        if execute and flags.WHICH in ("build", "run", "retry")
        and "__dbt__cte__" not in queries.values() | join -%}
        {%- set table = this.incorporate(path={
            "identifier": this.identifier ~ "__" ~ name
        }) -%}
        {%- call statement("drop_" ~ name) -%} drop table if exists {{ table }} {%- endcall -%}
        {%- call statement("keep_" ~ name) -%}
            create table {{ table }} using parquet as
            {% if tables %}with {{ duckdb__kept(tables) }}{% endif %}
            select * from ({{ query }}) as query
        {%- endcall -%}
        {%- do tables.update({name: "select * from " ~ table}) -%}
    {%- endfor -%}
    {{ duckdb__kept(tables or queries) }}
{%- endmacro %}
