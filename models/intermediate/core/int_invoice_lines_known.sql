with readable_lines as (

    select * from {{ ref("stg_retail__invoice_lines") }}
    where not is_quarantined

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

rules as (

    select * from {{ ref("stg_shop__rules") }}

),

known_lines as (

    select
        readable_lines.*,
        coalesce(
            readable_lines.invoice_date < as_of.first_invoice_date
            or readable_lines.invoice_date > as_of.last_invoice_date, false
        ) as is_far_off
    from readable_lines
    cross join as_of
    -- Without the var as_of_date, days after the last day of trade are known, too.
    where
        readable_lines.invoice_date <= as_of.as_of_date
        or readable_lines.invoice_date > case
            when {{ date_var("as_of_date") }} is null then as_of.last_invoice_date
        end

),

load_numbers as (

    select
        min(load_number) as first_load_number,
        max(load_number) as last_load_number
    from {{ ref("int_invoice_days") }}

),

-- Of a single load nothing can be replaced.
reloaded_numbers as (

    select known_lines.invoice_no
    from known_lines
    cross join rules
    cross join load_numbers
    where
        not rules.invoice_numbers_restart
        and load_numbers.first_load_number < load_numbers.last_load_number
    group by known_lines.invoice_no
    having min(known_lines.load_number) <> max(known_lines.load_number)

),

reloaded_days as (

    select distinct
        known_lines.load_number,
        known_lines.invoice_no,
        known_lines.invoice_date,
        known_lines.customer_id,
        lower(known_lines.customer_id) as same_customer
    from known_lines
    inner join reloaded_numbers
        on known_lines.invoice_no = reloaded_numbers.invoice_no

),

-- A corrected file replaces an invoice with the same number and customer, if the dates
-- lie within a week.
replaced_days as (

    select distinct
        earlier.load_number,
        earlier.invoice_no,
        earlier.invoice_date,
        earlier.customer_id
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

)

select
    known_lines.line_id,
    known_lines.load_number,
    known_lines.invoice_no,
    known_lines.stock_code,
    known_lines.customer_id,
    known_lines.description,
    known_lines.country,
    known_lines.order_status,
    known_lines.quantity,
    known_lines.unit_price,
    known_lines.line_amount,
    known_lines.refunded_amount,
    known_lines.copy_number,
    known_lines.invoiced_at,
    known_lines.invoice_date,
    known_lines.refunded_at,
    known_lines.is_cancelled_order,
    known_lines.is_refund_estimated,
    known_lines.is_far_off,
    replaced_days.invoice_no is not null as is_superseded
from known_lines
left join replaced_days
    on
        known_lines.invoice_no = replaced_days.invoice_no
        and known_lines.load_number = replaced_days.load_number
        and known_lines.invoice_date = replaced_days.invoice_date
        and known_lines.customer_id is not distinct from replaced_days.customer_id
