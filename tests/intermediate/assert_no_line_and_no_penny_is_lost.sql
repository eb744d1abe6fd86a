-- Raw = quarantined + every disposition + what is dated after the as-of date, in rows
-- and in money, over every record of every load. What was paid back of a sale is told
-- beside it, and stands in no record of its own; a quantity below nothing, at a price
-- that is not, takes back the amount beside it. Loads that were read before were held
-- to their records then.
with raw_lines as (

    select
        load_number,
        count(*) as records,
        sum(
            case
                when line_amount > 0 and quantity < 0 and unit_price >= 0
                    then -line_amount
                when line_amount is not null then line_amount
                when quantity = cast(quantity as decimal(18, 0))
                    then cast(quantity as decimal(38, 0)) * unit_price
                else cast(
                        cast(quantity as decimal(38, 4)) * unit_price as decimal(38, 4)
                    )
            end
        ) as amount
    from {{ raw_table("retail", "invoice_lines") }}
    where load_number > {{ last_load_read() }}
    group by load_number

),

counted as (

    select
        load_number,
        sum(records) as records,
        sum(amount) as amount
    from {{ ref("int_invoice_days") }}
    where load_number > {{ last_load_read() }}
    group by load_number

),

apart as (

    select
        invoice_days.load_number,
        invoice_days.records,
        invoice_days.amount
    from {{ ref("int_invoice_days") }} as invoice_days
    cross join {{ ref("int_as_of") }} as as_of
    where
        invoice_days.invoice_date is null
        or (
            invoice_days.invoice_date > as_of.as_of_date
            -- What is dated far off is in the ledger, unless a variable cuts it off.
            and (
                {{ date_var("as_of_date") }} is not null
                or invoice_days.invoice_date <= as_of.last_invoice_date
            )
        )

),

-- Every load on its own.
ledger as (

    select
        load_number,
        records,
        amount
    from apart
    union all
    select
        load_number,
        lines as records,
        amount
    from {{ ref("int_invoice_amounts") }}
    where not is_refund

),

totals as (

    select
        load_number,
        sum(records) as records,
        sum(amount) as amount
    from ledger
    group by load_number

),

all_counted as (

    select
        load_number,
        sum(records) as records,
        sum(amount) as amount
    from {{ ref("int_invoice_days") }}
    group by load_number

),

dispositions as (

    select
        coalesce(sum(case when not is_refund then lines end), 0) as lines,
        coalesce(sum(amount), 0) as amount
    from {{ ref("int_invoice_amounts") }}

),

published as (

    select
        coalesce(
            sum(
                case
                    when disposition not in ('refund', 'refund_anonymous') then lines
                end
            ), 0
        ) as lines,
        coalesce(sum(amount), 0) as amount
    from {{ ref("rpt_line_dispositions") }}

)

select
    'raw' as compared,
    coalesce(raw_lines.load_number, counted.load_number) as load_number,
    raw_lines.records,
    counted.records as other_records
from raw_lines
full outer join counted on raw_lines.load_number = counted.load_number
where
    raw_lines.records is distinct from counted.records
    or coalesce(raw_lines.amount, 0) is distinct from counted.amount
union all
select
    'ledger' as compared,
    coalesce(all_counted.load_number, totals.load_number) as load_number,
    all_counted.records,
    totals.records as other_records
from all_counted
full outer join totals on all_counted.load_number = totals.load_number
where
    coalesce(all_counted.records, 0) <> coalesce(totals.records, 0)
    or coalesce(all_counted.amount, 0) <> coalesce(totals.amount, 0)
union all
select
    'dispositions' as compared,
    null as load_number,
    dispositions.lines as records,
    published.lines as other_records
from dispositions
cross join published
where
    dispositions.lines <> published.lines
    or dispositions.amount <> published.amount
