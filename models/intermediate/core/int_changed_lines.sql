-- Nothing, where nothing was read before: then every line is read. Lines are named each
-- time they are read, since what is read more than once would be kept as a whole.
with already_read as (

    select * from {{ raw_table("retail", "already_read") }}

),

-- A day within both spans is judged as it was before.
moved_spans as (

    select
        already_read.last_load_number,
        greatest(already_read.first_invoice_date, as_of.first_invoice_date)
            as first_date,
        least(
            already_read.last_invoice_date,
            already_read.as_of_date,
            as_of.last_invoice_date,
            as_of.as_of_date
        ) as last_date
    from already_read
    cross join {{ ref("int_as_of") }} as as_of
    where
        already_read.first_invoice_date is distinct from as_of.first_invoice_date
        or already_read.last_invoice_date is distinct from as_of.last_invoice_date
        or already_read.as_of_date is distinct from as_of.as_of_date

),

-- Known from their days, so that no other load is looked at.
moved_loads as (

    select distinct
        invoice_days.load_number,
        moved_spans.first_date,
        moved_spans.last_date
    from {{ ref("int_invoice_days") }} as invoice_days
    cross join moved_spans
    where
        invoice_days.load_number <= moved_spans.last_load_number
        and not coalesce(
            invoice_days.invoice_date between
            moved_spans.first_date and moved_spans.last_date, false
        )

),

moved_invoices as (

    select
        invoice_lines.load_number,
        invoice_lines.invoice_no
    from {{ ref("stg_retail__invoice_lines") }} as invoice_lines
    inner join moved_loads on invoice_lines.load_number = moved_loads.load_number
    where
        not invoice_lines.is_quarantined
        and (
            not coalesce(
                invoice_lines.invoice_date between
                moved_loads.first_date and moved_loads.last_date, false
            )
            or cast(invoice_lines.refunded_at as date) > moved_loads.last_date
        )

),

replaced_invoices as (

    select
        invoices_replaced.load_number,
        invoices_replaced.invoice_no
    from {{ ref("int_invoices_replaced") }} as invoices_replaced
    cross join already_read
    where
        invoices_replaced.load_number <= already_read.last_load_number
        and invoices_replaced.replaced_by_load > already_read.last_load_number

),

changed_invoices as (

    select * from moved_invoices
    union distinct
    select * from replaced_invoices

)

select
    invoice_lines.load_number,
    invoice_lines.invoice_no,
    invoice_lines.customer_id,
    invoice_lines.stock_code
from {{ ref("stg_retail__invoice_lines") }} as invoice_lines
where
    not invoice_lines.is_quarantined
    and invoice_lines.load_number > (
        -- Null, where nothing was read before.
        select max(already_read.last_load_number) from already_read
    )
union distinct
select
    invoice_lines.load_number,
    invoice_lines.invoice_no,
    invoice_lines.customer_id,
    invoice_lines.stock_code
from {{ ref("stg_retail__invoice_lines") }} as invoice_lines
inner join changed_invoices
    on
        invoice_lines.load_number = changed_invoices.load_number
        and invoice_lines.invoice_no = changed_invoices.invoice_no
where not invoice_lines.is_quarantined
