-- The changes of a month add up to the change of its net revenue, and the three factors
-- to the net revenue of known customers.
with growth as (

    select
        *,
        new_customers_change + reactivated_change + expansion_change
        + contraction_change + lapsed_change + returns_and_discounts_change
        + anonymous_change as explained,
        customers * orders_per_customer * net_revenue_per_order as known
    from {{ ref("rpt_growth") }}

),

months as (

    select
        month_start_date,
        net_revenue - net_revenue_anonymous as known
    from {{ ref("rpt_monthly_revenue") }}

)

select growth.month_start_date
from growth
left join months on growth.month_start_date = months.month_start_date
where
    growth.explained <> growth.net_revenue_change
    or months.month_start_date is null
    or abs(growth.known - cast(months.known as double))
    > 1e-9 * greatest(1, abs(cast(months.known as double)))
