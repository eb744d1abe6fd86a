{#- Days from the rest of the lines that a date may always lie. -#}
{%- set near_days = 60 -%}
{%- set as_of_date = date_var("as_of_date") -%}
with invoice_days as (

    select * from {{ ref("int_invoice_days") }}
    where invoice_date is not null

),

-- Lines dated after the var as_of_date do not count when the usual dates are found.
known_days as (

    select * from invoice_days
    where invoice_date <= coalesce({{ as_of_date }}, invoice_date)

),

days as (

    select
        invoice_date,
        sum(lines) as lines
    from known_days
    group by invoice_date

),

counted as (

    select
        invoice_date,
        lag(invoice_date) over (order by invoice_date nulls last) as previous_date,
        sum(lines) over (
            order by invoice_date nulls last
            rows between unbounded preceding and current row
        ) - lines as lines_before,
        sum(lines) over (
            order by invoice_date nulls last
            rows between current row and unbounded following
        ) as lines_from,
        sum(lines) over () as all_lines
    from days

),

gaps as (

    select
        *,
        {{ day_difference("previous_date", "invoice_date") }} as gap_days,
        -- At either end of the dates; with few lines, none is an exception.
        least(greatest(3, all_lines / 1000e0), all_lines / 5e0) as tolerated_lines
    from counted

),

-- The longest gap between days on which most lines lie.
usual as (

    select
        coalesce(max(
            case
                when
                    lines_before > tolerated_lines and lines_from > tolerated_lines
                    then gap_days
            end
        ), 0) as longest_gap_days
    from gaps

),

-- The dates of a load that covers three days are believed.
loads as (

    select
        load_number,
        min(invoice_date) as first_date,
        max(invoice_date) as last_date
    from known_days
    group by load_number
    having count(*) >= 3

),

sure as (

    select
        min(last_date) as first_end,
        max(first_date) as last_start
    from loads

),

far_gaps as (

    select gaps.*
    from gaps
    cross join usual
    cross join {{ ref("stg_shop__rules") }} as rules
    where
        gaps.gap_days > {{ near_days }}
        and gaps.gap_days > 3 * usual.longest_gap_days
        and not rules.believes_far_off_dates

),

believed as (

    select
        max(
            case
                when
                    far_gaps.lines_before <= far_gaps.tolerated_lines
                    and far_gaps.previous_date
                    < coalesce(sure.first_end, far_gaps.invoice_date)
                    then far_gaps.invoice_date
            end
        ) as first_date,
        min(
            case
                when
                    far_gaps.lines_from <= far_gaps.tolerated_lines
                    and far_gaps.invoice_date
                    > coalesce(sure.last_start, far_gaps.previous_date)
                    then far_gaps.previous_date
            end
        ) as last_date
    from far_gaps
    cross join sure

),

-- With one or two days left there is nothing that other days could lie far from.
weighed as (

    select
        case when count(*) >= 3 then max(believed.first_date) end as first_date,
        case when count(*) >= 3 then max(believed.last_date) end as last_date
    from days
    cross join believed
    where
        days.invoice_date >= coalesce(believed.first_date, days.invoice_date)
        and days.invoice_date <= coalesce(believed.last_date, days.invoice_date)

),

data_span as (

    select
        coalesce(max(weighed.first_date), min(invoice_days.invoice_date))
            as first_invoice_date,
        coalesce(max(weighed.last_date), max(invoice_days.invoice_date))
            as last_invoice_date
    from invoice_days
    cross join weighed

),

dated as (

    select
        coalesce({{ as_of_date }}, last_invoice_date) as as_of_date,
        first_invoice_date,
        last_invoice_date
    from data_span

)

select
    *,
    coalesce({{ day_difference("first_invoice_date", "as_of_date") }}, 0)
        as history_days
from dated
