-- Curves count every customer of a product once, rise, and lie within their intervals;
-- cycles count the same customers. Who is due bought the product before.
with curves as (

    select
        *,
        lag(repurchase_rate) over (
            partition by stock_code order by days_since_purchase nulls last
        ) as rate_before,
        sum(returned_customers) over (
            partition by stock_code order by days_since_purchase nulls last
            rows between unbounded preceding and current row
        ) as returned_so_far
    from {{ ref("rpt_repurchase_curves") }}

),

counted as (

    select
        repurchases.stock_code,
        count(*) as customers,
        count(
            case
                when
                    {{ day_difference(
                        "repurchases.first_purchase_date",
                        "repurchases.next_purchase_date"
                    ) }} <= cycles.followed_days
                    then 1
            end
        ) as returned_customers
    from {{ ref("int_product_repurchases") }} as repurchases
    inner join {{ ref("rpt_product_cycles") }} as cycles
        on repurchases.stock_code = cycles.stock_code
    group by repurchases.stock_code

)

select
    stock_code,
    'curve' as found
from curves
where
    repurchase_rate < coalesce(rate_before, 0)
    or repurchase_rate < ci_low
    or repurchase_rate > ci_high
    or followed_customers + returned_so_far - returned_customers > customers
union all
select
    cycles.stock_code,
    'counts' as found
from {{ ref("rpt_product_cycles") }} as cycles
left join counted on cycles.stock_code = counted.stock_code
where
    cycles.customers <> coalesce(counted.customers, 0)
    or cycles.returned_customers <> coalesce(counted.returned_customers, 0)
    or cycles.cycle_low_days > cycles.cycle_days
    or cycles.cycle_days > cycles.cycle_high_days
    or cycles.cycle_high_days > cycles.followed_days
union all
select
    due.stock_code,
    'due' as found
from {{ ref("fct_due_products") }} as due
cross join {{ ref("int_as_of") }} as as_of
left join {{ ref("dim_customers") }} as customers
    on due.customer_id = customers.customer_id
where
    customers.customer_id is null
    or not coalesce(customers.may_be_contacted, true)
    or due.last_purchase_date > customers.last_order_date
    or due.last_purchase_date <= customers.first_order_date
    or as_of.as_of_date < due.due_from_date
    or as_of.as_of_date > due.due_until_date
