-- The classic recipe counts postage as merchandise.
with amounts as (

    select * from {{ ref("int_product_amounts") }}
    where
        (stock_code_class = 'product' or disposition = 'sale')
        and disposition not in (
            'superseded', 'far_off_date', 'exact_duplicate', 'test_order',
            'cancelled_order',
            'contradictory'
        )

),

products as (

    select
        stock_code,
        min(case when disposition in ('sale', 'sale_anonymous') then first_date end)
            as first_sold_date,
        max(case when disposition in ('sale', 'sale_anonymous') then last_date end)
            as last_sold_date,
        sum(case when disposition in ('sale', 'sale_anonymous') then units else 0 end)
            as units_sold,
        sum(case when disposition in ('sale', 'sale_anonymous') then amount else 0 end)
            as gross_revenue,
        sum(
            case
                when
                    disposition in (
                        'return', 'return_anonymous', 'refund', 'refund_anonymous'
                    )
                    then -units
                else 0
            end
        ) as units_returned,
        sum(
            case
                when
                    disposition in (
                        'return', 'return_anonymous', 'refund', 'refund_anonymous'
                    )
                    then -amount
                else 0
            end
        ) as returned_amount
    from amounts
    group by stock_code

),

-- Write-offs have notes such as "damaged" in place of the product's name.
names as (

    select
        stock_code,
        description,
        sum(lines) as lines,
        max(last_date) as last_used_date
    from amounts
    where
        description is not null
        and disposition in (
            'sale', 'sale_anonymous', 'return', 'return_anonymous'
        )
    group by stock_code, description

),

ranked_names as (

    select
        stock_code,
        description,
        count(*) over (partition by stock_code) as descriptions,
        row_number() over (
            partition by stock_code
            order by lines desc, last_used_date desc, description asc nulls last
        ) as name_rank
    from names

)

select
    products.stock_code,
    ranked_names.description,
    coalesce(ranked_names.descriptions, 0) as descriptions,
    products.first_sold_date,
    products.last_sold_date,
    products.units_sold,
    products.units_returned,
    products.gross_revenue,
    products.returned_amount
from products
left join ranked_names
    on products.stock_code = ranked_names.stock_code and ranked_names.name_rank = 1
