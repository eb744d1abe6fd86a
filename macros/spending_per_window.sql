{% macro spending_per_window(net_revenue, days_known, horizon_days) -%}
    greatest({{ net_revenue }}, 0) * {{ horizon_days }}
    / greatest({{ days_known }}, {{ horizon_days }})
{%- endmacro %}
