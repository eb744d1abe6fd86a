{% macro lower_edge(expression, edges) -%}
    case
        {% for edge in edges | reverse -%}
            {% if not loop.last -%}
                when {{ expression }} >= {{ edge }} then {{ edge }}
            {% else -%}
                else {{ edge }}
            {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}
