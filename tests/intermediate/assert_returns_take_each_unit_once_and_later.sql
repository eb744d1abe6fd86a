-- Every returned unit is allocated exactly once; no purchase line gives back more than
-- it sold; no return takes back what was bought after it.
with return_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}
    where disposition in ('return', 'refund')

),

allocations as (

    select
        allocations.return_line_id,
        allocations.purchase_line_id,
        allocations.units,
        return_lines.invoiced_at as returned_at,
        return_lines.customer_id,
        return_lines.stock_code
    from {{ ref("int_returns_matched") }} as allocations
    left join return_lines on allocations.return_line_id = return_lines.line_id

),

by_return as (

    select
        return_line_id,
        sum(units) as units
    from allocations
    group by return_line_id

),

by_purchase as (

    select
        purchase_line_id,
        sum(units) as units,
        min(returned_at) as first_returned_at,
        min(customer_id) as customer_id,
        max(customer_id) as last_customer_id,
        min(stock_code) as stock_code,
        max(stock_code) as last_stock_code
    from allocations
    where purchase_line_id is not null
    group by purchase_line_id

)

select
    return_lines.line_id,
    'a return is not allocated exactly' as problem
from return_lines
left join by_return on return_lines.line_id = by_return.return_line_id
where -return_lines.quantity is distinct from by_return.units
union all
select
    by_purchase.purchase_line_id as line_id,
    'a purchase gives back what it did not sell, or before it sold' as problem
from by_purchase
left join {{ ref("int_invoice_lines_classified") }} as purchases
    on by_purchase.purchase_line_id = purchases.line_id
where
    purchases.disposition is distinct from 'sale'
    or by_purchase.units > purchases.quantity
    or by_purchase.first_returned_at is null
    or by_purchase.first_returned_at < purchases.invoiced_at
    or by_purchase.customer_id <> purchases.customer_id
    or by_purchase.last_customer_id <> purchases.customer_id
    or by_purchase.stock_code <> purchases.stock_code
    or by_purchase.last_stock_code <> purchases.stock_code
