-- One row per line of an order; a line that was refunded several times is as many rows.
with discounts as (

    select
        order_line_id,
        sum(amount) as amount
    from discount_allocation
    group by order_line_id

),

taxes as (

    select
        order_line_id,
        sum(price) as amount
    from tax_line
    group by order_line_id

),

tagged_lines as (

    select
        order_line.*,
        coalesce("order".taxes_included, false) as has_tax_inside,
        case
            when order_line.gift_card then '(GIFT CARD)'
            when
                order_line.product_id is null
                and "order".total_tip_received > 0
                and lower(trim(order_line.title)) = 'tip'
                then '(TIP)'
        end as no_merchandise,
        order_line.quantity * order_line.price
        - coalesce(discounts.amount, 0) as paid,
        coalesce(taxes.amount, 0) as tax
    from order_line
    left join "order" on order_line.order_id = "order".id
    left join discounts on order_line.id = discounts.order_line_id
    left join taxes on order_line.id = taxes.order_line_id

),

lines as (

    select
        *,
        cast(
            paid - case when has_tax_inside then tax else 0 end as decimal(18, 4)
        ) as goods
    from tagged_lines

),

goods_lines as (

    select
        id as order_line_id,
        order_id,
        quantity,
        paid,
        goods,
        has_tax_inside
    from lines
    where no_merchandise is null and goods > 0

),

refunded_lines as (

    select
        order_line_refund.refund_id,
        goods_lines.order_line_id,
        order_line_refund.subtotal,
        order_line_refund.total_tax,
        goods_lines.has_tax_inside,
        cast(goods_lines.paid as double) * order_line_refund.quantity
        / goods_lines.quantity as paid,
        cast(goods_lines.goods as double) * order_line_refund.quantity
        / goods_lines.quantity as goods
    from order_line_refund
    inner join goods_lines
        on order_line_refund.order_line_id = goods_lines.order_line_id

),

-- Of prices with tax, a subtotal may be with it or without.
refunded_goods as (

    select
        refund_id,
        order_line_id,
        sum(
            case
                when has_tax_inside and abs(subtotal - paid) < abs(subtotal - goods)
                    then subtotal - coalesce(total_tax, 0)
                else subtotal
            end
        ) as goods
    from refunded_lines
    group by refund_id, order_line_id

),

-- What was paid back beside what a refund's lines come to; negative: less than that.
discrepancies as (

    select
        refund_id,
        -sum(amount) as amount
    from order_adjustment
    where kind = 'refund_discrepancy'
    group by refund_id
    having sum(amount) <> 0

),

goods_left as (

    select
        goods_lines.order_id,
        goods_lines.order_line_id,
        goods_lines.goods - coalesce(sum(refunded_goods.goods), 0) as goods
    from goods_lines
    left join refunded_goods
        on goods_lines.order_line_id = refunded_goods.order_line_id
    group by goods_lines.order_id, goods_lines.order_line_id, goods_lines.goods

),

weights as (

    select
        discrepancies.refund_id,
        refunded_goods.order_line_id,
        discrepancies.amount,
        refunded_goods.goods as weight
    from discrepancies
    inner join refunded_goods on discrepancies.refund_id = refunded_goods.refund_id
    where refunded_goods.goods > 0
    union all
    select
        discrepancies.refund_id,
        goods_left.order_line_id,
        discrepancies.amount,
        goods_left.goods as weight
    from discrepancies
    inner join refund on discrepancies.refund_id = refund.id
    inner join goods_left on refund.order_id = goods_left.order_id
    where
        goods_left.goods > 0
        and discrepancies.refund_id not in (
            select refunded_goods.refund_id from refunded_goods
            where refunded_goods.goods > 0
        )

),

-- Each share is the difference of two rounded sums, so that they add up.
shares as (

    select
        refund_id,
        order_line_id,
        round(
            amount * sum(cast(weight as double)) over upwards
            / sum(cast(weight as double)) over whole, 4
        ) - round(
            amount * (sum(cast(weight as double)) over upwards - weight)
            / sum(cast(weight as double)) over whole, 4
        ) as goods
    from weights
    window
        whole as (partition by refund_id),
        upwards as (
            partition by refund_id order by order_line_id
            rows between unbounded preceding and current row
        )

),

paid_back as (

    select
        refund_id,
        order_line_id,
        greatest(sum(cast(goods as decimal(18, 4))), 0) as goods
    from (
        select
            refund_id,
            order_line_id,
            goods
        from refunded_goods
        union all
        select
            refund_id,
            order_line_id,
            goods
        from shares
    ) as amounts
    group by refund_id, order_line_id

),

-- No more comes back of a line than it cost.
summed as (

    select
        paid_back.refund_id,
        paid_back.order_line_id,
        refund.created_at,
        refund.processed_at,
        goods_lines.goods as of_goods,
        least(
            goods_lines.goods,
            sum(paid_back.goods) over (
                partition by paid_back.order_line_id
                order by refund.created_at, paid_back.refund_id
                rows between unbounded preceding and current row
            )
        ) as goods_so_far
    from paid_back
    inner join goods_lines on paid_back.order_line_id = goods_lines.order_line_id
    left join refund on paid_back.refund_id = refund.id

),

dated as (

    select
        *,
        goods_so_far - coalesce(lag(goods_so_far) over (
            partition by order_line_id order by created_at, refund_id
        ), 0) as goods
    from summed

),

-- The last refund of a line stands beside all that is left of it, others beside a part.
parts as (

    select
        *,
        row_number() over (
            partition by order_line_id order by created_at, refund_id
        ) as part,
        count(*) over (partition by order_line_id) as parts
    from dated
    where goods > 0

),

parted_lines as (

    select
        lines.*,
        coalesce(parts.part, 1) as part,
        coalesce(parts.parts, 1) as parts,
        parts.goods as refunded_amount,
        parts.created_at as refunded_at,
        parts.processed_at as refund_processed_at,
        case
            when parts.part < parts.parts then parts.goods else 0
        end as part_amount,
        case
            when parts.part < parts.parts
                then
                    round(cast(lines.quantity as double) * parts.goods / lines.goods, 4)
            else 0
        end as part_quantity
    from lines
    left join parts on lines.id = parts.order_line_id

),

amounts as (

    select
        *,
        case
            when part < parts then part_amount
            else goods - sum(part_amount) over (partition by id)
        end as amount,
        case
            when part < parts then part_quantity
            else quantity - sum(part_quantity) over (partition by id)
        end as units
    from parted_lines

),

people as (

    select
        lower(trim(email)) as email,
        min(id) as id
    from customer
    where trim(email) <> ''
    group by lower(trim(email))

),

orders as (

    select
        "order".*,
        coalesce("order".customer_id, people.id) as person_id
    from "order"
    left join people on lower(trim("order".email)) = people.email

)

select
    row_number() over (
        order by
            orders.created_at, amounts.order_id, amounts.index, amounts.id, amounts.part
    ) as record_number,
    amounts.order_id,
    amounts.id as order_line_id,
    amounts.part,
    orders.created_at,
    orders.processed_at,
    coalesce(
        cast(orders.person_id as varchar), lower(nullif(trim(orders.email), ''))
    ) as customer,
    coalesce(
        amounts.no_merchandise,
        nullif(trim(amounts.sku), ''),
        cast(amounts.variant_id as varchar),
        amounts.title
    ) as product,
    coalesce(nullif(trim(amounts.name), ''), amounts.title) as title,
    cast(amounts.units as decimal(18, 4)) as quantity,
    amounts.price,
    cast(amounts.amount as decimal(18, 4)) as amount,
    coalesce(
        nullif(trim(orders.shipping_address_country), ''),
        orders.billing_address_country
    ) as country,
    orders.currency,
    orders.cancelled_at,
    concat_ws(
        ' | ',
        case when orders.test then 'test' end,
        case when orders._fivetran_deleted then 'deleted' end,
        orders.financial_status
    ) as status,
    cast(amounts.refunded_amount as decimal(18, 4)) as refunded_amount,
    amounts.refunded_at,
    amounts.refund_processed_at,
    coalesce(
        customer.email_marketing_consent_state,
        cast(customer.accepts_marketing as varchar),
        cast(orders.buyer_accepts_marketing as varchar)
    ) as consent
from amounts
left join orders on amounts.order_id = orders.id
left join customer on orders.person_id = customer.id
