with customer_days as (

    select * from {{ ref("int_customer_days") }}

),

cutoffs as (

    select
        cutoffs.cutoff_date,
        cutoffs.horizon_days,
        -- Null where the data start after the same season a year (52 weeks) before.
        case
            when
                as_of.first_invoice_date
                <= {{ add_days("-364", "cutoffs.cutoff_date") }}
                then 364
        end as season_days_ago
    from {{ ref("int_churn_cutoffs") }} as cutoffs
    cross join {{ ref("int_as_of") }} as as_of

),

-- Strictly before the cutoff: whatever happens on the day itself belongs to the label.
known_days as (

    select
        customer_days.*,
        cutoffs.cutoff_date,
        cutoffs.horizon_days,
        cutoffs.season_days_ago,
        {{ day_difference("customer_days.activity_date", "cutoffs.cutoff_date") }}
            as days_ago
    from customer_days
    inner join cutoffs on customer_days.activity_date < cutoffs.cutoff_date

),

totals as (

    select
        customer_id,
        cutoff_date,
        min(case when has_purchase then days_ago end) as days_since_last_order,
        max(case when has_purchase then days_ago end) as tenure_days,
        count(case when has_purchase then 1 end) as purchase_days,
        count(case when has_purchase and days_ago <= 30 then 1 end)
            as purchase_days_30d,
        count(case when has_purchase and days_ago <= 90 then 1 end)
            as purchase_days_90d,
        count(
            case when has_purchase and days_ago between 91 and 180 then 1 end
        ) as purchase_days_91_to_180d,
        count(
            case
                when
                    has_purchase
                    and days_ago
                    between season_days_ago - horizon_days + 1 and season_days_ago
                    then 1
            end
        ) as same_season_purchase_days,
        max(season_days_ago) as season_days_ago,
        -- Of whole numbers, whose sums do not depend on their order.
        count(gap_days) as gaps,
        sum(cast(gap_days as bigint)) as gap_sum,
        sum(cast(gap_days as bigint) * gap_days) as gap_square_sum,
        sum(net_revenue) as net_revenue,
        sum(case when days_ago <= 90 then net_revenue else 0 end) as net_revenue_90d,
        sum(case when days_ago between 91 and 180 then net_revenue else 0 end)
            as net_revenue_91_to_180d,
        max_by(net_revenue, case when has_purchase then activity_date end)
            as last_day_net_revenue,
        sum(gross_revenue - void_amount) as kept_gross_revenue,
        sum(returned_amount - void_amount) as returned_amount,
        count(case when returned_amount > void_amount then 1 end) as return_days,
        sum(lines) as lines,
        sum(units) as units,
        sum(new_products) as products
    from known_days
    group by customer_id, cutoff_date
    having count(case when has_purchase then 1 end) > 0

)

select
    customer_id,
    cutoff_date,
    days_since_last_order,
    cast(purchase_days_30d as integer) as purchase_days_30d,
    cast(purchase_days_90d as integer) as purchase_days_90d,
    cast(purchase_days_90d - purchase_days_91_to_180d as integer)
        as purchase_days_trend,
    cast(net_revenue_90d as double) as net_revenue_90d,
    cast(net_revenue_90d - net_revenue_91_to_180d as double) as revenue_trend,
    cast(purchase_days as integer) as purchase_days,
    tenure_days,
    cast(
        (tenure_days - days_since_last_order)
        * 1e0
        / nullif(purchase_days - 1, 0) as double
    ) as mean_gap_days,
    case
        when gaps > 1
            then sqrt(
                    cast(gaps * gap_square_sum - gap_sum * gap_sum as double)
                    / (gaps * (gaps - 1))
                )
    end as gap_std_days,
    cast(
        days_since_last_order * 1e0 * nullif(purchase_days - 1, 0)
        / nullif(tenure_days - days_since_last_order, 0) as double
    ) as silence_over_mean_gap,
    cast(net_revenue as double) as net_revenue,
    cast(net_revenue * 1e0 / purchase_days as double) as net_revenue_per_purchase_day,
    cast(last_day_net_revenue * purchase_days * 1e0 / nullif(net_revenue, 0) as double)
        as last_over_average_purchase_day,
    cast(lines * 1e0 / purchase_days as double) as lines_per_purchase_day,
    cast(units as double) / nullif(lines, 0) as units_per_line,
    cast(kept_gross_revenue * 1e0 / nullif(units, 0) as double) as average_unit_price,
    cast(products as integer) as products,
    -- A product of a void line counts as bought, the line does not.
    cast(least(products * 1e0 / nullif(lines, 0), 1) as double) as new_product_share,
    coalesce(
        cast(
            returned_amount * 1e0 / nullif(kept_gross_revenue, 0) as double
        ), 0
    ) as return_rate,
    cast(return_days as integer) as return_days,
    cast(
        case
            when season_days_ago is not null then same_season_purchase_days
        end as integer
    ) as same_season_purchase_days
from totals
