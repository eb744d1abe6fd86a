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
    disposition
from lines
union all
-- Units returned: the whole units that the refund pays for.
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
    case
        when refunds.unit_sign is null then refunds.disposition
        when refunds.customer_id is null then 'refund_anonymous'
        else 'refund'
    end as disposition
from refunds
cross join {{ ref("int_as_of") }} as as_of
where cast(refunds.paid_back_at as date) <= as_of.as_of_date
