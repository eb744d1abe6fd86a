-- The lines are read twice rather than kept: they are wide, and all that is looked for
-- the first time are the few with a stated refund.
with rules as (

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

-- A stated refund amount counts as stated, even if the status says more was refunded.
partly_refunded_invoices as (

    select distinct
        load_number,
        invoice_no
    from {{ ref("int_invoice_lines_known") }}
    where refunded_amount is not null

),

described as (

    select
        known_lines.*,
        replaced_invoices.load_number is not null as is_superseded,
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
        coalesce(
            left(known_lines.invoice_no, length(rules.adjustment_prefix))
            = rules.adjustment_prefix, false
        ) as is_adjustment,
        coalesce(
            left(known_lines.invoice_no, length(rules.cancellation_prefix))
            = rules.cancellation_prefix, false
        )
        or (
            rules.negative_lines_are_returns and known_lines.line_amount < 0
        ) as is_cancellation,
        rules.negative_lines_are_returns,
        rules.drops_copies
    from {{ ref("int_invoice_lines_known") }} as known_lines
    cross join rules
    left join {{ ref("int_invoices_replaced") }} as replaced_invoices
        on
            known_lines.invoice_no = replaced_invoices.invoice_no
            and known_lines.load_number = replaced_invoices.load_number
            and known_lines.invoice_date = replaced_invoices.invoice_date
            and known_lines.customer_id
            is not distinct from replaced_invoices.customer_id
    left join stock_codes on known_lines.stock_code = stock_codes.stock_code
    left join descriptions on known_lines.description = descriptions.description
    left join order_statuses on known_lines.order_status = order_statuses.order_status
    left join partly_refunded_invoices
        on
            known_lines.load_number = partly_refunded_invoices.load_number
            and known_lines.invoice_no = partly_refunded_invoices.invoice_no

)

-- The first matching rule decides, in the order of the seed line_dispositions. Where
-- signs mark returns, the sign of the amount decides, from quantity or price alike.
select
    line_id,
    load_number,
    invoice_no,
    stock_code,
    stock_code_class,
    customer_id,
    description,
    country,
    quantity,
    unit_price,
    line_amount,
    invoiced_at,
    invoice_date,
    is_exact_copy,
    status_class,
    order_status,
    amount_to_refund,
    refunded_at,
    is_refund_estimated,
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
