{% macro rfm_frequency() -%}
    {{ "orders" if var("cleaning_policy") == "classic" else "purchase_days" }}
{%- endmacro %}
