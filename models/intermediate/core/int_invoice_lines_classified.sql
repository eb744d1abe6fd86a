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

stock_codes as (

    select * from {{ ref("int_stock_codes") }}

),

descriptions as (

    select * from {{ ref("int_descriptions") }}

),

order_statuses as (

    select * from {{ ref("int_order_statuses") }}

),

invoice_numbers as (

    select * from {{ ref("int_invoice_numbers") }}

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
    -- What lies beyond the last day of trade is known where no variable says otherwise.
    where
        readable_lines.invoice_date <= as_of.as_of_date
        or readable_lines.invoice_date > case
            when {{ date_var("as_of_date") }} is null then as_of.last_invoice_date
        end

),

reloaded_numbers as (

    select known_lines.invoice_no
    from known_lines
    cross join rules
    where not rules.invoice_numbers_restart
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

-- A corrected file replaces an invoice of the same number and customer, within a week.
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
            -- Who is unknown may be anybody.
            and coalesce(earlier.same_customer = later.same_customer, true)

),

-- A refund whose amount is stated is no more than that, whatever the status says.
partly_refunded_invoices as (

    select distinct
        load_number,
        invoice_no
    from known_lines
    where refunded_amount is not null

),

described as (

    select
        known_lines.*,
        replaced_days.invoice_no is not null as is_superseded,
        coalesce(known_lines.copy_number > 1, false) as is_exact_copy,
        coalesce(
            case
                when
                    not stock_codes.is_named
                    and stock_codes.stock_code_class in ('product', 'unclassified')
                    then descriptions.stock_code_class
            end,
            stock_codes.stock_code_class, 'unclassified'
        ) as stock_code_class,
        coalesce(order_statuses.status_class, 'counts') as status_class,
        case
            when
                order_statuses.status_class = 'refunded'
                and partly_refunded_invoices.invoice_no is null
                then known_lines.line_amount
            else known_lines.refunded_amount
        end as amount_to_refund,
        coalesce(invoice_numbers.is_adjustment, false) as is_adjustment,
        coalesce(invoice_numbers.is_cancellation, false)
        or (
            rules.negative_lines_are_returns and known_lines.line_amount < 0
        ) as is_cancellation,
        rules.negative_lines_are_returns,
        rules.drops_copies
    from known_lines
    cross join rules
    left join stock_codes on known_lines.stock_code = stock_codes.stock_code
    left join invoice_numbers
        on known_lines.invoice_no = invoice_numbers.invoice_no
    left join descriptions on known_lines.description = descriptions.description
    left join order_statuses on known_lines.order_status = order_statuses.order_status
    left join partly_refunded_invoices
        on
            known_lines.load_number = partly_refunded_invoices.load_number
            and known_lines.invoice_no = partly_refunded_invoices.invoice_no
    left join replaced_days
        on
            known_lines.invoice_no = replaced_days.invoice_no
            and known_lines.load_number = replaced_days.load_number
            and known_lines.invoice_date = replaced_days.invoice_date
            and known_lines.customer_id is not distinct from replaced_days.customer_id

),

-- The first rule that holds decides, in the order of the seed line_dispositions. Where
-- signs mark returns, that of the amount decides, whatever carries it.
disposed as (

    select
        *,
        case
            when is_superseded then 'superseded'
            when is_far_off then 'far_off_date'
            when '{{ var("cleaning_policy") }}' = 'classic'
                then case
                        when customer_id is null then 'dropped_no_customer'
                        when
                            is_cancellation or is_cancelled_order
                            or status_class in ('cancelled', 'test')
                            then 'dropped_cancellation'
                        when quantity <= 0 then 'dropped_non_positive_quantity'
                        else 'sale'
                    end
            when is_exact_copy and drops_copies then 'exact_duplicate'
            when status_class = 'test' then 'test_order'
            when is_cancelled_order or status_class = 'cancelled'
                then 'cancelled_order'
            when is_adjustment then 'bad_debt_adjustment'
            when stock_code_class <> 'product' then 'non_product'
            when quantity < 0 and not is_cancellation
                and (line_amount = 0 or not negative_lines_are_returns)
                then 'stock_write_off'
            when line_amount = 0 and (unit_price = 0 or quantity <> 0)
                then 'zero_price'
            when line_amount = 0 or is_cancellation = (line_amount > 0)
                then 'contradictory'
            when is_cancellation and customer_id is null then 'return_anonymous'
            when is_cancellation then 'return'
            when customer_id is null then 'sale_anonymous'
            else 'sale'
        end as disposition
    from described

),

-- Units of sales are positive and those of returns negative, whatever the source
-- writes; an amount without a quantity is one unit, three quarters of a unit are not.
signed as (

    select
        *,
        case
            when disposition in ('return', 'return_anonymous') then -1
            when disposition in ('sale', 'sale_anonymous') and line_amount > 0 then 1
        end as unit_sign
    from disposed

),

lines as (

    select
        *,
        case
            when unit_sign is null then quantity
            when quantity = 0 then unit_sign
            else unit_sign * abs(quantity)
        end as units,
        case
            when unit_sign is null then unit_price
            when quantity = 0 then cast(abs(line_amount) as decimal(18, 4))
            else abs(unit_price)
        end as price
    from signed

),

-- What was paid back of a sale is a line of its own, on its own day; so is what a
-- discount, which takes from the sales of its order, then takes no more.
refunds as (

    select
        *,
        greatest(coalesce(refunded_at, invoiced_at), invoiced_at) as paid_back_at,
        case
            when unit_sign = 1 then least(amount_to_refund, line_amount)
            else greatest(amount_to_refund, line_amount)
        end as paid_back
    from lines
    where
        '{{ var("cleaning_policy") }}' = 'net'
        and (
            (unit_sign = 1 and amount_to_refund > 0)
            or (
                disposition = 'non_product' and stock_code_class = 'discount'
                and line_amount < 0 and amount_to_refund < 0
            )
        )

)

select
    line_id,
    cast(null as bigint) as refunded_line_id,
    load_number,
    invoice_no,
    stock_code,
    stock_code_class,
    customer_id,
    description,
    country,
    cast(units as decimal(18, 4)) as quantity,
    price as unit_price,
    line_amount,
    invoiced_at,
    invoice_date,
    is_exact_copy,
    false as is_refund_estimated,
    status_class,
    order_status,
    disposition
from lines
union all
-- Units came back as far as the money pays for whole ones.
select
    -refunds.line_id as line_id,
    refunds.line_id as refunded_line_id,
    refunds.load_number,
    refunds.invoice_no,
    refunds.stock_code,
    refunds.stock_code_class,
    refunds.customer_id,
    refunds.description,
    refunds.country,
    cast(case
        when refunds.paid_back = refunds.line_amount then -refunds.units
        else
            -floor(
                cast(refunds.units as double)
                * cast(refunds.paid_back as double)
                / cast(refunds.line_amount as double) + 0.000000001
            )
    end as decimal(18, 4)) as quantity,
    refunds.price as unit_price,
    -refunds.paid_back as line_amount,
    refunds.paid_back_at as invoiced_at,
    cast(refunds.paid_back_at as date) as invoice_date,
    false as is_exact_copy,
    refunds.is_refund_estimated,
    refunds.status_class,
    refunds.order_status,
    case
        when refunds.unit_sign is null then refunds.disposition
        when refunds.customer_id is null then 'refund_anonymous'
        else 'refund'
    end as disposition
from refunds
cross join as_of
where cast(refunds.paid_back_at as date) <= as_of.as_of_date
