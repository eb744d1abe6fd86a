{% macro units_left(events, matches, whole_lines_only=false) -%}
    (
        select
            {{ events }}.*,
            {{ events }}.quantity - taken.units as units
        from {{ events }}
        inner join (
            select
                line_id,
                sum(units) as units
            from (
                {% for match in matches -%}
                    select purchase_line_id as line_id, units from {{ match }}
                    union all
                    select return_line_id as line_id, units from {{ match }}
                    union all
                {% endfor -%}
                select line_id, 0 as units from {{ events }}
            ) as parts
            group by line_id
        ) as taken on {{ events }}.line_id = taken.line_id
        where
            {{ events }}.quantity > taken.units
            {% if whole_lines_only -%} and taken.units = 0 {%- endif %}
    ) as lines_left
{%- endmacro %}
