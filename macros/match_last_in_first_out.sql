{% macro match_last_in_first_out(events, keys) -%}
    {#-
    A purchase pushes its units on the stack of its keys, a return pops the units that
    were pushed last; what it cannot pop stays unmatched. The height of the stack is the
    running sum kept at or above zero (running sum minus its running minimum below
    zero). Cut the height at every level where a push or a pop starts or ends: within
    one slice pushes and pops alternate, so a pop belongs to the event just before it.
    -#}
    {%- set keyed = keys | join(", ") -%}
    {%- set event_order = "event_at, is_return, line_id" -%}
    (
        with running as (
            select
                *,
                sum(case when is_return then -units else units end) over (
                    partition by {{ keyed }}
                    order by {{ event_order }}
                    rows between unbounded preceding and current row
                ) as net_units
            from {{ events }}
        ),

        reflected as (
            select
                *,
                net_units - least(0, min(net_units) over (
                    partition by {{ keyed }}
                    order by {{ event_order }}
                    rows between unbounded preceding and current row
                )) as height
            from running
        ),

        moves as (
            select
                *,
                coalesce(lag(height) over (
                    partition by {{ keyed }} order by {{ event_order }}
                ), 0) as previous_height
            from reflected
        ),

        spans as (
            select
                *,
                least(previous_height, height) as lower_level,
                greatest(previous_height, height) as upper_level
            from moves
            where previous_height <> height
        ),

        levels as (
            select {{ keyed }}, lower_level as level_at from spans
            union distinct
            select {{ keyed }}, upper_level as level_at from spans
        ),

        slices as (
            select
                *,
                lead(level_at) over (
                    partition by {{ keyed }} order by level_at
                ) as next_level
            from levels
        ),

        sliced_events as (
            select
                spans.*,
                slices.level_at,
                slices.next_level - slices.level_at as slice_units
            from spans
            inner join slices
                on
                    {% for key in keys -%}
                    spans.{{ key }} = slices.{{ key }} and
                    {% endfor -%}
                    slices.level_at >= spans.lower_level
                    and slices.next_level <= spans.upper_level
        ),

        paired as (
            select
                is_return,
                line_id as return_line_id,
                slice_units,
                lag(line_id) over (
                    partition by {{ keyed }}, level_at order by {{ event_order }}
                ) as purchase_line_id
            from sliced_events
        )

        select
            purchase_line_id,
            return_line_id,
            sum(slice_units) as units
        from paired
        where is_return and purchase_line_id is not null
        group by purchase_line_id, return_line_id
    )
{%- endmacro %}
