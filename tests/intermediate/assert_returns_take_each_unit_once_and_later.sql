-- Every returned unit is allocated exactly once; no purchase line gives back more than
-- it sold; no return takes back what was bought after it.
with allocations as (

    select * from {{ ref("int_returns_matched") }}

),

lines as (

    select * from {{ ref("int_invoice_lines_classified") }}

),

by_return as (

    select
        return_line_id as line_id,
        sum(units) as units
    from allocations
    group by return_line_id

),

by_purchase as (

    select
        purchase_line_id as line_id,
        sum(units) as units
    from allocations
    where purchase_line_id is not null
    group by purchase_line_id

)

select
    lines.line_id,
    'a return is not allocated exactly' as problem
from lines
left join by_return on lines.line_id = by_return.line_id
where
    lines.disposition in ('return', 'refund')
    and -lines.quantity is distinct from by_return.units
union all
select
    lines.line_id,
    'a purchase gives back more than it sold' as problem
from lines
inner join by_purchase on lines.line_id = by_purchase.line_id
where by_purchase.units > lines.quantity or lines.disposition <> 'sale'
union all
select
    purchases.line_id,
    'a return precedes its purchase' as problem
from allocations
inner join lines as purchases on allocations.purchase_line_id = purchases.line_id
inner join lines as returns on allocations.return_line_id = returns.line_id
where
    returns.invoiced_at < purchases.invoiced_at
    or returns.customer_id <> purchases.customer_id
    or returns.stock_code <> purchases.stock_code
