{% macro match_last_in_first_out(events, keys) -%}
    {#-
    A purchase pushes its units on the stack of its keys, a return pops the units that
    were pushed last; what it cannot pop stays unmatched. The height of the stack is the
    running sum kept at or above zero (running sum minus its running minimum below
    zero). Cut the height at every level where a push or a pop starts or ends: within
    one slice pushes and pops alternate, so a pop belongs to the event just before it.
    Only stacks with a push and a pop are looked at, under a number in place of their
    keys, which is that of a line in no other stack: that costs a fifth.
    -#}
    (
        with unmatched_events as (
            select * from {{ events }}
        ),

        stacks as (
            select
                {{ keys | join(", ") }},
                min(line_id) as stack_number
            from unmatched_events
            group by {{ keys | join(", ") }}
            having count(case when is_return then 1 end) between 1 and count(*) - 1
        ),

        running as (
            select
                stacks.stack_number,
                unmatched_events.event_number,
                unmatched_events.line_id,
                unmatched_events.is_return,
                sum(
                    case
                        when unmatched_events.is_return then -unmatched_events.units
                        else unmatched_events.units
                    end
                ) over (
                    partition by stacks.stack_number
                    order by unmatched_events.event_number nulls last
                    rows between unbounded preceding and current row
                ) as net_units
            from unmatched_events
            inner join stacks
                using ({{ keys | join(", ") }})
        ),

        reflected as (
            select
                *,
                net_units - least(0, min(net_units) over (
                    partition by stack_number
                    order by event_number nulls last
                    rows between unbounded preceding and current row
                )) as height
            from running
        ),

        moves as (
            select
                *,
                coalesce(lag(height) over (
                    partition by stack_number order by event_number nulls last
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
            select stack_number, lower_level as level_at from spans
            union distinct
            select stack_number, upper_level as level_at from spans
        ),

        slices as (
            select
                *,
                lead(level_at) over (
                    partition by stack_number order by level_at nulls last
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
                    spans.stack_number = slices.stack_number
                    and slices.level_at >= spans.lower_level
                    and slices.next_level <= spans.upper_level
        ),

        paired as (
            select
                is_return,
                line_id as return_line_id,
                slice_units,
                lag(line_id) over (
                    partition by stack_number, level_at order by event_number nulls last
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
