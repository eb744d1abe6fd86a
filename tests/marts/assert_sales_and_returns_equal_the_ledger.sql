-- Every mart of sales adds up to the lines of the ledger it speaks of, to the penny.
with ledger as (

    select
        coalesce(sum(case when disposition like 'sale%' then amount end), 0) as sales,
        coalesce(sum(case when disposition = 'sale' then amount end), 0)
            as customer_sales,
        coalesce(
            -sum(
                case
                    when
                        disposition in (
                            'return', 'return_anonymous', 'refund', 'refund_anonymous'
                        )
                        then amount
                end
            ), 0
        ) as returns,
        coalesce(
            -sum(case when disposition in ('return', 'refund') then amount end), 0
        ) as customer_returns
    from {{ ref("rpt_line_dispositions") }}

),

discounts as (

    select coalesce(-sum(amount), 0) as customer_discounts
    from {{ ref("int_invoice_amounts") }}
    where is_discount and customer_id is not null

),

orders as (

    select
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(case when customer_id is not null then returned_amount end), 0)
            as matched_returns,
        coalesce(sum(case when customer_id is not null then gross_revenue end), 0)
            as customer_gross_revenue
    from {{ ref("fct_orders") }}

),

returns as (

    select
        coalesce(sum(amount), 0) as amount,
        coalesce(sum(case when customer_id is not null then amount end), 0)
            as customer_amount
    from {{ ref("fct_returns") }}

),

allocations as (

    select
        coalesce(sum(returned_amount), 0) as amount,
        coalesce(sum(
            case when purchase_line_id is not null then returned_amount end
        ), 0) as matched_amount
    from {{ ref("int_returns_matched") }}

),

products as (

    select
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(returned_amount), 0) as returned_amount
    from {{ ref("dim_products") }}

),

months as (

    select coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref("rpt_monthly_revenue") }}

)

select ledger.*
from ledger
cross join discounts
cross join orders
cross join returns
cross join allocations
cross join products
cross join months
where
    orders.gross_revenue <> ledger.sales
    or orders.customer_gross_revenue <> ledger.customer_sales
    or orders.matched_returns <> allocations.matched_amount
    or returns.amount <> ledger.returns
    or returns.customer_amount <> ledger.customer_returns
    or allocations.amount <> ledger.customer_returns
    or products.gross_revenue <> ledger.sales
    or products.returned_amount <> ledger.returns
    or months.net_revenue
    <> ledger.sales - ledger.returns - discounts.customer_discounts
