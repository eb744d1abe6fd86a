with return_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where
        disposition in (
            'return', 'return_anonymous', 'refund', 'refund_anonymous'
        )

),

allocations as (

    select * from {{ ref("int_returns_matched") }}

),

orders as (

    select
        order_id,
        invoice_no,
        customer_id,
        order_date
    from {{ ref("int_orders") }}

),

-- A return that had to be split is told by its largest part.
ranked_allocations as (

    select
        allocations.*,
        orders.order_id,
        row_number() over (
            partition by allocations.return_line_id
            order by
                case when allocations.match_tier = 'unmatched' then 1 else 0 end
                nulls last,
                allocations.units desc,
                allocations.purchase_line_id desc
        ) as allocation_rank,
        sum(
            case
                when allocations.match_tier = 'unmatched' then 0 else allocations.units
            end
        ) over (partition by allocations.return_line_id) as matched_quantity
    from allocations
    left join orders
        on
            allocations.purchase_invoice_no = orders.invoice_no
            and allocations.customer_id = orders.customer_id
            and allocations.purchase_date = orders.order_date

),

main_allocations as (

    select * from ranked_allocations
    where allocation_rank = 1

),

numbered as (

    select
        *,
        row_number() over (
            partition by invoice_no order by line_id nulls last
        ) as line_of_invoice
    from return_lines

)

select
    cast(
        numbered.invoice_no || '-' || numbered.line_of_invoice as string
    ) as return_line_id,
    cast(numbered.customer_id as string) as customer_id,
    cast(numbered.stock_code as string) as stock_code,
    numbered.invoiced_at as returned_at,
    numbered.invoice_date as return_date,
    cast(-numbered.quantity as decimal(18, 4)) as quantity,
    cast(-numbered.line_amount as decimal(38, 4)) as amount,
    numbered.is_refund_estimated as is_estimated,
    cast(coalesce(main_allocations.match_tier, 'anonymous') as string) as match_tier,
    cast(main_allocations.order_id as string) as matched_order_id,
    cast(coalesce(main_allocations.matched_quantity, 0) as decimal(18, 4))
        as matched_quantity,
    {{ day_difference("main_allocations.purchase_date", "numbered.invoice_date") }}
        as lag_days,
    coalesce(main_allocations.is_order_correction, false) as is_order_correction
from numbered
left join main_allocations on numbered.line_id = main_allocations.return_line_id
