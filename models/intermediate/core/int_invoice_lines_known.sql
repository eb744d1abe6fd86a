-- Without the var as_of_date, days after the last day of trade are known, too.
select
    lines.line_id,
    lines.load_number,
    lines.invoice_no,
    lines.stock_code,
    lines.customer_id,
    lines.description,
    lines.country,
    lines.order_status,
    lines.quantity,
    lines.unit_price,
    lines.line_amount,
    lines.refunded_amount,
    lines.copy_number,
    lines.invoiced_at,
    lines.invoice_date,
    lines.refunded_at,
    lines.is_cancelled_order,
    lines.is_refund_estimated,
    coalesce(
        lines.invoice_date < as_of.first_invoice_date
        or lines.invoice_date > as_of.last_invoice_date, false
    ) as is_far_off
from {{ ref("stg_retail__invoice_lines") }} as lines
cross join {{ ref("int_as_of") }} as as_of
where
    not lines.is_quarantined
    and (
        lines.invoice_date <= as_of.as_of_date
        or lines.invoice_date > case
            when {{ date_var("as_of_date") }} is null then as_of.last_invoice_date
        end
    )
