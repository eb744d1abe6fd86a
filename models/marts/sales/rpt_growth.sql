with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

monthly_revenue as (

    select * from {{ ref("rpt_monthly_revenue") }}

),

months as (

    select
        month_start_date,
        is_partial,
        net_revenue,
        net_revenue_anonymous,
        customers,
        orders,
        row_number() over (order by month_start_date nulls last) as month_number
    from monthly_revenue

),

customer_months as (

    select
        customer_days.customer_id,
        months.month_number,
        sum(customer_days.gross_revenue) as gross_revenue,
        sum(customer_days.returned_amount + customer_days.discount_amount)
            as given_back
    from customer_days
    inner join months
        on
            months.month_start_date
            = cast({{ dbt.date_trunc("month", "customer_days.activity_date") }} as date)
    group by customer_days.customer_id, months.month_number

),

first_months as (

    select
        customer_id,
        min(month_number) as month_number
    from customer_months
    where gross_revenue > 0
    group by customer_id

),

-- Each month counts for itself and as the month before the next.
sides as (

    select
        customer_id,
        month_number,
        gross_revenue as gross_now,
        0 as gross_before,
        given_back as given_back_now,
        0 as given_back_before
    from customer_months
    union all
    select
        customer_id,
        month_number + 1 as month_number,
        0 as gross_now,
        gross_revenue as gross_before,
        0 as given_back_now,
        given_back as given_back_before
    from customer_months

),

moves as (

    select
        customer_id,
        month_number,
        sum(gross_now) as gross_now,
        sum(gross_before) as gross_before,
        sum(given_back_now - given_back_before) as given_back_more
    from sides
    group by customer_id, month_number

),

growth as (

    select
        moves.month_number,
        sum(
            case
                when moves.month_number = first_months.month_number then moves.gross_now
                else 0
            end
        ) as new_amount,
        sum(
            case
                when
                    moves.gross_before = 0
                    and moves.month_number > first_months.month_number
                    then moves.gross_now
                else 0
            end
        ) as reactivated,
        sum(
            case
                when moves.gross_before > 0 and moves.gross_now > moves.gross_before
                    then moves.gross_now - moves.gross_before
                else 0
            end
        ) as expansion,
        sum(
            case
                when moves.gross_now > 0 and moves.gross_now < moves.gross_before
                    then moves.gross_now - moves.gross_before
                else 0
            end
        ) as contraction,
        -sum(case when moves.gross_now = 0 then moves.gross_before else 0 end)
            as lapsed,
        -sum(moves.given_back_more) as returns_and_discounts
    from moves
    left join first_months on moves.customer_id = first_months.customer_id
    group by moves.month_number

)

select
    months.month_start_date,
    months.is_partial,
    months.net_revenue,
    cast(months.net_revenue - coalesce(earlier.net_revenue, 0) as decimal(38, 4))
        as net_revenue_change,
    cast(coalesce(growth.new_amount, 0) as decimal(38, 4)) as new_customers_change,
    cast(coalesce(growth.reactivated, 0) as decimal(38, 4)) as reactivated_change,
    cast(coalesce(growth.expansion, 0) as decimal(38, 4)) as expansion_change,
    cast(coalesce(growth.contraction, 0) as decimal(38, 4)) as contraction_change,
    cast(coalesce(growth.lapsed, 0) as decimal(38, 4)) as lapsed_change,
    cast(coalesce(growth.returns_and_discounts, 0) as decimal(38, 4))
        as returns_and_discounts_change,
    cast(
        months.net_revenue_anonymous - coalesce(earlier.net_revenue_anonymous, 0)
        as decimal(38, 4)
    ) as anonymous_change,
    months.customers,
    cast(months.orders as double) / nullif(months.customers, 0) as orders_per_customer,
    cast(months.net_revenue - months.net_revenue_anonymous as double)
    / nullif(months.orders, 0) as net_revenue_per_order
from months
left join months as earlier on months.month_number = earlier.month_number + 1
left join growth on months.month_number = growth.month_number
