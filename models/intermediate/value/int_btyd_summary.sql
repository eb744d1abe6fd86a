with as_of as (

    select * from {{ ref("int_as_of") }}
    where as_of_date is not null

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

-- A holdout as long as each horizon of the predictions, over before the as-of date,
-- whose day may not be over yet.
holdouts as (

    select 90 as holdout_days
    union all
    select 365 as holdout_days

),

cutoffs as (

    select
        {{ add_days("1", "as_of_date") }} as cutoff_date,
        'current' as example_set,
        cast(null as integer) as holdout_days
    from as_of
    union all
    select
        {{ add_days("-holdouts.holdout_days", "as_of.as_of_date") }} as cutoff_date,
        'test' as example_set,
        holdouts.holdout_days
    from as_of
    cross join holdouts
    -- Half a year before it, or the rates are hardly known.
    where
        {{ add_days("-holdouts.holdout_days - 180", "as_of.as_of_date") }}
        >= as_of.first_invoice_date

),

-- Days from the cutoff on count in the holdout only, as far as it reaches.
placed_days as (

    select
        customer_days.customer_id,
        customer_days.activity_date,
        customer_days.net_revenue,
        cutoffs.cutoff_date,
        cutoffs.example_set,
        cutoffs.holdout_days,
        {{ day_difference("customer_days.activity_date", "cutoffs.cutoff_date") }}
            as days_ago,
        cast(customer_days.has_purchase as integer) as purchase_days
    from customer_days
    cross join cutoffs

),

totals as (

    select
        customer_id,
        cutoff_date,
        example_set,
        holdout_days,
        sum(case when days_ago > 0 then purchase_days else 0 end) as purchase_days,
        sum(case when days_ago > 0 then net_revenue else 0 end) as net_revenue,
        max(case when days_ago > 0 and purchase_days > 0 then days_ago end) as age_days,
        min(case when days_ago > 0 and purchase_days > 0 then days_ago end)
            as days_since_last_order
        {%- for days in (90, 365) -%}
            {%- for measure in ("purchase_days", "net_revenue") -%}
                ,
                sum(
                    case
                        when days_ago between 1 and {{ days }} then {{ measure }} else 0
                    end
                ) as {{ measure }}_{{ days }}d,
                sum(
                    case
                        when days_ago between {{ 1 - days }} and 0 then {{ measure }}
                        else 0
                    end
                ) as next_{{ measure }}_{{ days }}d
            {%- endfor %}
        {%- endfor %}
    from placed_days
    group by customer_id, cutoff_date, example_set, holdout_days
    having sum(case when days_ago > 0 then purchase_days else 0 end) > 0

)

select
    customer_id,
    cutoff_date,
    example_set,
    holdout_days,
    cast(purchase_days - 1 as integer) as repeat_purchase_days,
    cast(age_days - days_since_last_order as double) / 7 as btyd_recency_weeks,
    cast(age_days as double) / 7 as btyd_age_weeks,
    cast(net_revenue / purchase_days as double) as mean_purchase_day_value
    {%- for days in (90, 365) -%}
        ,
        cast(purchase_days_{{ days }}d as integer) as purchase_days_{{ days }}d,
        cast(net_revenue_{{ days }}d as decimal(38, 4)) as net_revenue_{{ days }}d,
        cast(
            case when holdout_days >= {{ days }} then next_purchase_days_{{ days }}d end
            as integer
        ) as actual_purchase_days_{{ days }}d,
        cast(
            case when holdout_days >= {{ days }} then next_net_revenue_{{ days }}d end
            as decimal(38, 4)
        ) as actual_net_revenue_{{ days }}d
    {%- endfor %}
from totals
