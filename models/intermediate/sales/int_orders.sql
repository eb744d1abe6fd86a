{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['invoice_no'], through=['customer_id']) }}",
) }}
with all_sale_amounts as (

    select * from {{ ref("int_invoice_amounts") }}
    where disposition in ('sale', 'sale_anonymous')

),

-- Whose returns have changed, their other orders have, too.
sale_amounts as (

    select * from all_sale_amounts
    where
        {{ of_changed(["invoice_no"]) }}
        or invoice_no in (
            select others.invoice_no
            from all_sale_amounts as others
            where {{ of_changed(["customer_id"]) }}
        )

),

matched_returns as (

    select * from {{ ref("int_returns_matched") }}
    where purchase_line_id is not null

),

-- Returns are matched by customer. An anonymous sale has refunds only where the source
-- states them on the sale itself.
anonymous_refunds as (

    select
        sales.invoice_no,
        sales.invoice_date as purchase_date,
        -refunds.quantity as units,
        -refunds.line_amount as returned_amount,
        -refunds.line_amount = sales.line_amount
        and refunds.invoice_date = sales.invoice_date as is_order_correction
    from {{ ref("int_invoice_lines_classified") }} as refunds
    inner join {{ ref("int_invoice_lines_classified") }} as sales
        on refunds.refunded_line_id = sales.line_id
    where refunds.disposition = 'refund_anonymous'

),

returns as (

    select
        purchase_invoice_no as invoice_no,
        customer_id,
        purchase_date,
        units,
        returned_amount,
        is_order_correction
    from matched_returns
    union all
    select
        invoice_no,
        null as customer_id,
        purchase_date,
        units,
        returned_amount,
        is_order_correction
    from anonymous_refunds

),

orders as (

    select
        invoice_no,
        customer_id,
        max(country) as country,
        min(first_invoiced_at) as ordered_at,
        invoice_date as order_date,
        sum(lines) as lines,
        sum(units) as units,
        sum(amount) as gross_revenue
    from sale_amounts
    group by invoice_no, customer_id, invoice_date

),

returns_by_order as (

    select
        invoice_no,
        customer_id,
        purchase_date,
        count(case when is_order_correction then 1 end) as void_lines,
        sum(case when is_order_correction then units else 0 end) as void_units,
        sum(
            case when is_order_correction then returned_amount else 0 end
        ) as void_amount,
        sum(returned_amount) as returned_amount
    from returns
    group by invoice_no, customer_id, purchase_date

),

-- An invoice number used for several customers or days becomes one order for each, so
-- that later lines do not count on the first day.
identified as (

    select
        *,
        row_number() over (
            partition by invoice_no
            order by order_date nulls last, customer_id nulls last
        ) as order_of_invoice,
        row_number() over (
            partition by invoice_no, customer_id order by order_date nulls last
        ) as day_of_order
    from orders

)

select
    case
        when identified.order_of_invoice = 1 then identified.invoice_no
        when identified.day_of_order = 1
            then identified.invoice_no || '/' || coalesce(identified.customer_id, '')
        else
            identified.invoice_no || '/' || coalesce(identified.customer_id, '')
            || '/' || cast(identified.order_date as string)
    end as order_id,
    identified.invoice_no,
    identified.customer_id,
    identified.country,
    identified.ordered_at,
    identified.order_date,
    cast(identified.lines as integer) as lines,
    cast(identified.units as decimal(38, 4)) as units,
    cast(coalesce(returns_by_order.void_lines, 0) as integer) as void_lines,
    cast(coalesce(returns_by_order.void_units, 0) as decimal(38, 4)) as void_units,
    cast(identified.gross_revenue as decimal(38, 4)) as gross_revenue,
    cast(coalesce(returns_by_order.void_amount, 0) as decimal(38, 4)) as void_amount,
    cast(
        coalesce(returns_by_order.returned_amount, 0) as decimal(38, 4)
    ) as returned_amount,
    coalesce(returns_by_order.void_lines, 0) = identified.lines as is_void
from identified
left join returns_by_order
    on
        identified.invoice_no = returns_by_order.invoice_no
        and identified.customer_id is not distinct from returns_by_order.customer_id
        and identified.order_date = returns_by_order.purchase_date
