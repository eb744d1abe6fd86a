{% macro round_to(expression, digits) -%}
    {#-
    DuckDB's own rule, spelled out: other engines round the digits that a double prints,
    and 2.675 is a little less than it says.
    -#}
    (round(({{ expression }}) * 1e{{ digits }}) / 1e{{ digits }})
{%- endmacro %}
