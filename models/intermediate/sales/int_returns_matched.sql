with classified_lines as (

    select * from {{ ref("int_invoice_lines_classified") }}

),

returned_products as (

    select distinct
        customer_id,
        stock_code
    from classified_lines
    where disposition = 'return'

),

-- What the source says was paid back of a sale is no longer there to be returned.
refunds as (

    select
        line_id,
        refunded_line_id,
        customer_id,
        invoice_no,
        invoice_date,
        -quantity as quantity,
        -line_amount as amount
    from classified_lines
    where disposition = 'refund'

),

-- Only products that a customer ever returned need matching.
events as (

    select
        classified_lines.line_id,
        classified_lines.disposition = 'return' as is_return,
        classified_lines.customer_id,
        classified_lines.stock_code,
        classified_lines.unit_price,
        abs(classified_lines.quantity) - coalesce(refunds.quantity, 0) as quantity,
        abs(classified_lines.line_amount) - coalesce(refunds.amount, 0) as amount,
        classified_lines.invoice_no,
        classified_lines.invoice_date,
        classified_lines.invoiced_at as event_at
    from classified_lines
    inner join returned_products
        on
            classified_lines.customer_id = returned_products.customer_id
            and classified_lines.stock_code = returned_products.stock_code
    left join refunds on classified_lines.line_id = refunds.refunded_line_id
    where
        classified_lines.disposition in ('sale', 'return')
        and abs(classified_lines.quantity) > coalesce(refunds.quantity, 0)

),

-- A return with the number of the invoice of its sale is of that sale, whatever else
-- the customer has bought of the product since.
own_invoices as (

    select
        customer_id,
        stock_code,
        invoice_no
    from events
    group by customer_id, stock_code, invoice_no
    having
        max(case when is_return then 1 else 0 end) = 1
        and min(case when is_return then 1 else 0 end) = 0

),

own_line_events as (

    select
        events.*,
        1 as units
    from events
    inner join own_invoices
        on
            events.customer_id = own_invoices.customer_id
            and events.stock_code = own_invoices.stock_code
            and events.invoice_no = own_invoices.invoice_no

),

own_line_matches as (

    select * from {{ match_last_in_first_out(
        "own_line_events",
        ["customer_id", "stock_code", "quantity", "amount", "invoice_no"]
    ) }}
    where purchase_line_id is not null

),

own_matched_lines as (

    select purchase_line_id as line_id from own_line_matches
    union all
    select return_line_id as line_id from own_line_matches

),

own_price_events as (

    select
        own_line_events.line_id,
        own_line_events.is_return,
        own_line_events.customer_id,
        own_line_events.stock_code,
        own_line_events.unit_price,
        own_line_events.invoice_no,
        own_line_events.event_at,
        own_line_events.quantity as units
    from own_line_events
    left join own_matched_lines
        on own_line_events.line_id = own_matched_lines.line_id
    where own_matched_lines.line_id is null

),

own_price_matches as (

    select * from {{ match_last_in_first_out(
        "own_price_events", ["customer_id", "stock_code", "unit_price", "invoice_no"]
    ) }}
    where purchase_line_id is not null

),

own_units as (

    select
        purchase_line_id as line_id,
        units
    from own_price_matches
    union all
    select
        return_line_id as line_id,
        units
    from own_price_matches

),

-- Of these lines some units are left, or none.
own_used as (

    select
        line_id,
        sum(units) as used_units
    from own_units
    group by line_id
    union all
    select
        events.line_id,
        events.quantity as used_units
    from events
    inner join own_matched_lines on events.line_id = own_matched_lines.line_id

),

-- Tier 1: the same quantity for the same money, so that whole lines are the units.
exact_events as (

    select
        events.*,
        1 as units
    from events
    left join own_used on events.line_id = own_used.line_id
    where own_used.line_id is null

),

exact_matches as (

    select * from {{ match_last_in_first_out(
        "exact_events", ["customer_id", "stock_code", "quantity", "amount"]
    ) }}
    where purchase_line_id is not null

),

exactly_matched_lines as (

    select purchase_line_id as line_id from exact_matches
    union all
    select return_line_id as line_id from exact_matches

),

-- Tier 2: what is left, at the same price; a return may take parts of lines.
same_price_events as (

    select
        events.*,
        events.quantity - coalesce(own_used.used_units, 0) as units
    from events
    left join exactly_matched_lines on events.line_id = exactly_matched_lines.line_id
    left join own_used on events.line_id = own_used.line_id
    where
        exactly_matched_lines.line_id is null
        and events.quantity > coalesce(own_used.used_units, 0)

),

same_price_matches as (

    select * from {{ match_last_in_first_out(
        "same_price_events", ["customer_id", "stock_code", "unit_price"]
    ) }}
    where purchase_line_id is not null

),

units_matched_at_same_price as (

    select
        purchase_line_id as line_id,
        units
    from same_price_matches
    union all
    select
        return_line_id as line_id,
        units
    from same_price_matches

),

units_used_at_same_price as (

    select
        line_id,
        sum(units) as used_units
    from units_matched_at_same_price
    group by line_id

),

-- Tier 3: what is still left, at any price.
any_price_events as (

    select
        same_price_events.line_id,
        same_price_events.is_return,
        same_price_events.customer_id,
        same_price_events.stock_code,
        same_price_events.event_at,
        same_price_events.units
        - coalesce(units_used_at_same_price.used_units, 0) as units
    from same_price_events
    left join units_used_at_same_price
        on same_price_events.line_id = units_used_at_same_price.line_id
    where
        same_price_events.units > coalesce(units_used_at_same_price.used_units, 0)

),

any_price_matches as (

    select * from {{ match_last_in_first_out(
        "any_price_events", ["customer_id", "stock_code"]
    ) }}
    where purchase_line_id is not null

),

matches as (

    select
        own_line_matches.return_line_id,
        own_line_matches.purchase_line_id,
        events.quantity as units,
        'exact_line' as match_tier
    from own_line_matches
    inner join events on own_line_matches.return_line_id = events.line_id
    union all
    select
        return_line_id,
        purchase_line_id,
        units,
        'same_price' as match_tier
    from own_price_matches
    union all
    select
        exact_matches.return_line_id,
        exact_matches.purchase_line_id,
        events.quantity as units,
        'exact_line' as match_tier
    from exact_matches
    inner join events on exact_matches.return_line_id = events.line_id
    union all
    select
        return_line_id,
        purchase_line_id,
        units,
        'same_price' as match_tier
    from same_price_matches
    union all
    select
        return_line_id,
        purchase_line_id,
        units,
        'any_price' as match_tier
    from any_price_matches

),

unmatched as (

    select
        returns.line_id as return_line_id,
        cast(null as bigint) as purchase_line_id,
        returns.quantity - coalesce(sum(matches.units), 0) as units,
        'unmatched' as match_tier
    from events as returns
    left join matches on returns.line_id = matches.return_line_id
    where returns.is_return
    group by returns.line_id, returns.quantity
    having returns.quantity > coalesce(sum(matches.units), 0)

),

allocated as (

    select * from matches
    union all
    select * from unmatched

),

counted as (

    select
        allocated.*,
        returns.customer_id,
        returns.invoice_date as return_date,
        returns.quantity,
        returns.amount,
        sum(allocated.units) over (
            partition by allocated.return_line_id
            order by allocated.match_tier, allocated.purchase_line_id
            rows between unbounded preceding and current row
        ) as units_so_far
    from allocated
    inner join events as returns on allocated.return_line_id = returns.line_id

),

-- Units share the money of their return; the last ones take what is left of it, so that
-- the parts add up to the penny.
shared as (

    select
        *,
        case
            when units_so_far = quantity then amount
            else
                cast(
                    round(cast(amount as double) * units_so_far / quantity, 4)
                    as decimal(38, 4)
                )
        end as amount_so_far
    from counted

)

select
    shared.return_line_id,
    shared.purchase_line_id,
    shared.match_tier,
    shared.customer_id,
    purchases.invoice_no as purchase_invoice_no,
    purchases.invoice_date as purchase_date,
    shared.return_date,
    cast(shared.units as decimal(38, 4)) as units,
    cast(
        shared.amount_so_far - coalesce(lag(shared.amount_so_far) over (
            partition by shared.return_line_id order by shared.units_so_far
        ), 0) as decimal(38, 4)
    ) as returned_amount,
    -- The whole line taken back on the day it was bought was never really a purchase.
    shared.match_tier = 'exact_line'
    and shared.return_date = purchases.invoice_date as is_order_correction
from shared
left join events as purchases on shared.purchase_line_id = purchases.line_id
union all
-- Its own line is known. All of it paid back on the day of the sale leaves no purchase.
select
    refunds.line_id as return_line_id,
    refunds.refunded_line_id as purchase_line_id,
    'stated' as match_tier,
    refunds.customer_id,
    sales.invoice_no as purchase_invoice_no,
    sales.invoice_date as purchase_date,
    refunds.invoice_date as return_date,
    cast(refunds.quantity as decimal(38, 4)) as units,
    cast(refunds.amount as decimal(38, 4)) as returned_amount,
    refunds.amount = sales.line_amount
    and refunds.invoice_date = sales.invoice_date as is_order_correction
from refunds
inner join classified_lines as sales on refunds.refunded_line_id = sales.line_id
