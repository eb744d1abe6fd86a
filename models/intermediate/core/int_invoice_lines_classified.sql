{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['load_number', 'invoice_no']) }}",
) }}
-- Units of sales are positive and units of returns negative, whatever sign the source
-- uses. An amount without a quantity counts as one unit; a quantity of 0.75 stays 0.75.
with signed as (

    select
        *,
        case
            when disposition in ('return', 'return_anonymous') then -1
            when disposition in ('sale', 'sale_anonymous') and line_amount > 0 then 1
        end as unit_sign
    from {{ ref("int_invoice_lines_disposed") }}
    where {{ of_changed(["load_number", "invoice_no"]) }}

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

-- A refund of a sale becomes a line of its own on the day of the refund. So does the
-- part of a discount that no longer applies, as the sales it reduced were refunded.
-- Each line is taken once and once more rather than read again.
parts as (

    select
        lines.*,
        shares.is_refund,
        greatest(coalesce(lines.refunded_at, lines.invoiced_at), lines.invoiced_at)
            as paid_back_at,
        case
            when lines.unit_sign = 1
                then least(lines.amount_to_refund, lines.line_amount)
            else greatest(lines.amount_to_refund, lines.line_amount)
        end as paid_back
    from lines
    cross join (values (false), (true)) as shares (is_refund)
    where
        not shares.is_refund
        or (
            '{{ var("cleaning_policy") }}' = 'net'
            and (
                (lines.unit_sign = 1 and lines.amount_to_refund > 0)
                or (
                    lines.disposition = 'non_product'
                    and lines.stock_code_class = 'discount'
                    and lines.line_amount < 0
                    and lines.amount_to_refund < 0
                )
            )
        )

)

-- Units returned: the whole units that the refund pays for.
select
    case when parts.is_refund then -parts.line_id else parts.line_id end as line_id,
    case when parts.is_refund then parts.line_id end as refunded_line_id,
    parts.load_number,
    parts.invoice_no,
    parts.stock_code,
    parts.stock_code_class,
    parts.customer_id,
    parts.description,
    parts.country,
    parts.order_status,
    cast(case
        when not parts.is_refund then parts.units
        when parts.paid_back = parts.line_amount then -parts.units
        else
            -cast(floor(
                cast(parts.units as double)
                * cast(parts.paid_back as double)
                / cast(parts.line_amount as double) + 1e-9
            ) as decimal(18, 4))
    end as decimal(18, 4)) as quantity,
    parts.price as unit_price,
    case when parts.is_refund then -parts.paid_back else parts.line_amount end
        as line_amount,
    case when parts.is_refund then parts.paid_back_at else parts.invoiced_at end
        as invoiced_at,
    case
        when parts.is_refund then cast(parts.paid_back_at as date)
        else parts.invoice_date
    end as invoice_date,
    parts.is_exact_copy and not parts.is_refund as is_exact_copy,
    parts.is_refund_estimated and parts.is_refund as is_refund_estimated,
    case
        when not parts.is_refund or parts.unit_sign is null then parts.disposition
        when parts.customer_id is null then 'refund_anonymous'
        else 'refund'
    end as disposition
from parts
cross join {{ ref("int_as_of") }} as as_of
where
    not parts.is_refund
    or cast(parts.paid_back_at as date) <= as_of.as_of_date
