{{ config(materialized=table_of_lines()) }}
-- A corrected file replaces an invoice with the same number and customer, if the dates
-- lie within a week.
with load_numbers as (

    select
        min(load_number) as first_load_number,
        max(load_number) as last_load_number
    from {{ ref("int_invoice_days") }}

),

-- Of a single load nothing is replaced.
reloaded_numbers as (

    select known_lines.invoice_no
    from {{ ref("int_invoice_lines_known") }} as known_lines
    cross join {{ ref("stg_shop__rules") }} as rules
    cross join load_numbers
    where
        not rules.invoice_numbers_restart
        and load_numbers.first_load_number < load_numbers.last_load_number
        and known_lines.load_number > {{ last_load_read() }}
    group by known_lines.invoice_no
    having
        min(known_lines.load_number) <> max(known_lines.load_number)
        or {{ last_load_read() }} > 0

),

reloaded_days as (

    select distinct
        known_lines.load_number,
        known_lines.invoice_no,
        known_lines.invoice_date,
        known_lines.customer_id,
        lower(known_lines.customer_id) as same_customer
    from {{ ref("int_invoice_lines_known") }} as known_lines
    inner join reloaded_numbers
        on known_lines.invoice_no = reloaded_numbers.invoice_no

)

select
    earlier.load_number,
    earlier.invoice_no,
    earlier.invoice_date,
    earlier.customer_id,
    min(later.load_number) as replaced_by_load
from reloaded_days as earlier
inner join reloaded_days as later
    on
        earlier.invoice_no = later.invoice_no
        and earlier.load_number < later.load_number
        and abs(
            {{ day_difference("earlier.invoice_date", "later.invoice_date") }}
        ) <= 7
        -- An unknown customer agrees with any.
        and coalesce(earlier.same_customer = later.same_customer, true)
group by
    earlier.load_number, earlier.invoice_no, earlier.invoice_date, earlier.customer_id
-- What an earlier build found stays as it found it.
having min(later.load_number) > {{ last_load_read() }}
