-- Raw = quarantined + every disposition + what is dated after the as-of date, in rows
-- and in money, over every record of every load. What was paid back of a sale is told
-- beside it, and stands in no record of its own; a quantity below nothing, at a price
-- that is not, takes back the amount beside it.
with raw_lines as (

    select
        count(*) as raw_rows,
        sum(
            case
                when line_amount > 0 and quantity < 0 and unit_price >= 0
                    then -line_amount
                else cast(
                        coalesce(
                            line_amount, cast(quantity as decimal(38, 4)) * unit_price
                        ) as decimal(38, 4)
                    )
            end
        ) as raw_amount
    from {{ source("retail", "invoice_lines") }}

),

staged_lines as (

    select
        count(*) as rows_apart,
        sum(lines.line_amount) as amount_apart
    from {{ ref("stg_retail__invoice_lines") }} as lines
    cross join {{ ref("int_as_of") }} as as_of
    where
        lines.is_quarantined
        or (
            lines.invoice_date > as_of.as_of_date
            -- What is dated far off is in the ledger, unless a variable cuts it off.
            and (
                {{ date_var("as_of_date") }} is not null
                or lines.invoice_date <= as_of.last_invoice_date
            )
        )

),

ledger as (

    select
        coalesce(
            sum(
                case
                    when disposition not in ('refund', 'refund_anonymous') then lines
                end
            ), 0
        ) as ledger_rows,
        coalesce(sum(amount), 0) as ledger_amount
    from {{ ref("rpt_line_dispositions") }}

),

refunds as (

    select coalesce(sum(line_amount), 0) as refund_amount
    from {{ ref("int_invoice_lines_classified") }}
    where refunded_line_id is not null

)

select
    raw_lines.raw_rows,
    staged_lines.rows_apart,
    ledger.ledger_rows
from raw_lines
cross join staged_lines
cross join ledger
cross join refunds
where
    raw_lines.raw_rows <> staged_lines.rows_apart + ledger.ledger_rows
    or coalesce(raw_lines.raw_amount, 0)
    <> coalesce(staged_lines.amount_apart, 0)
    + ledger.ledger_amount - refunds.refund_amount
