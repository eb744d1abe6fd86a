{#- Purchase days above this quantile of the shop's are extreme. -#}
{%- set usual = 0.95 -%}
with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

cutoffs as (

    select
        cutoff_date,
        horizon_days
    from {{ ref("int_churn_cutoffs") }}
    where example_set <> 'year_ago'

),

-- Strictly before the cutoff, as far back as orders and revenue count.
known_days as (

    select
        customer_days.customer_id,
        customer_days.net_revenue,
        customer_days.has_purchase,
        cutoffs.cutoff_date,
        cutoffs.horizon_days,
        {{ day_difference("customer_days.activity_date", "cutoffs.cutoff_date") }}
            as days_ago,
        row_number() over (
            partition by
                customer_days.customer_id,
                cutoffs.cutoff_date,
                customer_days.has_purchase
            order by
                customer_days.net_revenue desc,
                customer_days.activity_date asc nulls last
        ) as place_by_revenue
    from customer_days
    inner join cutoffs
        on
            customer_days.activity_date < cutoffs.cutoff_date
            and coalesce(
                {{ day_difference(
                    "customer_days.activity_date", "cutoffs.cutoff_date"
                ) }} <= {{ integer_var("rfm_window_days") }}, true
            )

),

limits as (

    select
        cutoff_date,
        {{ as_decimal(continuous_quantile("greatest(net_revenue, 0)", usual)) }}
            as usual_limit
    from known_days
    where has_purchase
    group by cutoff_date

),

totals as (

    select
        customer_id,
        cutoff_date,
        max(horizon_days) as horizon_days,
        max(case when has_purchase then days_ago end) as days_known,
        count(case when has_purchase then 1 end) as purchase_days,
        sum(net_revenue) as net_revenue,
        max(case when has_purchase then net_revenue end) as largest_day,
        max(case when has_purchase and place_by_revenue = 2 then net_revenue end)
            as second_largest_day
    from known_days
    group by customer_id, cutoff_date
    having count(case when has_purchase then 1 end) > 0

),

-- A large day that came once counts as much as the shop's large days do; one that came
-- twice is believed.
capped as (

    select
        totals.*,
        greatest(
            totals.net_revenue - greatest(
                totals.largest_day
                - greatest(limits.usual_limit, coalesce(totals.second_largest_day, 0)),
                0
            ), 0
        ) as capped_revenue
    from totals
    inner join limits on totals.cutoff_date = limits.cutoff_date

),

shop as (

    select
        cutoff_date,
        sum({{ as_decimal("capped_revenue * 1e0 / purchase_days") }}) * 1e0 / count(*)
            as purchase_day_value
    from capped
    group by cutoff_date

)

-- As if everybody had one more purchase day, of the shop's mean: the fewer the days,
-- the nearer to it. Whoever stays buys at least once.
select
    customer_id,
    cutoff_date,
    {{ as_decimal("forecast") }} as spend_if_staying
from (
    select
        capped.customer_id,
        capped.cutoff_date,
        (capped.capped_revenue + shop.purchase_day_value)
        * 1e0
        / (capped.purchase_days + 1)
        * greatest(
            1e0,
            capped.purchase_days * 1e0 * capped.horizon_days
            / greatest(capped.days_known, capped.horizon_days)
        ) as forecast
    from capped
    inner join shop on capped.cutoff_date = shop.cutoff_date
) as forecasts
