{%- set horizons = [90, 180, 365] -%}
with as_of as (

    select * from {{ ref("int_as_of") }}
    where as_of_date is not null

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

-- Fits and the evidence of the past rest on these customers.
sampled_customers as (

    {{ draw_customers("customer_days", 20000) }}

),

-- One holdout for each horizon. Each ends before the as-of date, because that day may
-- be incomplete. Every four weeks, for two and a half years, and 364 days before the
-- present and the holdout of 180 days: what chooses, scales and calibrates a forecast.
past_cutoffs as (

    select 90 + 28 * (generated_number - 1) as holdout_days
    from ({{ integer_series(30) }}) as months
    {% for days in (180, 363, 365, 544) -%}
        union
        select {{ days }} as holdout_days
    {% endfor %}

),

-- Half a year before a test, or the rates are hardly known; 90 days before the others.
cutoffs as (

    select
        {{ add_days("1", "as_of_date") }} as cutoff_date,
        'current' as example_set,
        cast(null as integer) as holdout_days,
        first_invoice_date
    from as_of
    union all
    select
        {{ add_days("-past_cutoffs.holdout_days", "as_of.as_of_date") }} as cutoff_date,
        case
            when
                past_cutoffs.holdout_days in ({{ horizons | join(", ") }})
                and
                {{ add_days(
                    "-past_cutoffs.holdout_days - 180", "as_of.as_of_date"
                ) }} >= as_of.first_invoice_date
                then 'test'
            else 'earlier'
        end as example_set,
        past_cutoffs.holdout_days,
        as_of.first_invoice_date
    from as_of
    cross join past_cutoffs
    where
        {{ add_days("-past_cutoffs.holdout_days - 90", "as_of.as_of_date") }}
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
        sampled_customers.customer_id is not null as is_sampled,
        {{ day_difference("cutoffs.first_invoice_date", "cutoffs.cutoff_date") }}
            as history_days,
        {{ day_difference("customer_days.activity_date", "cutoffs.cutoff_date") }}
            as days_ago,
        cast(customer_days.has_purchase as integer) as purchase_days
    from customer_days
    left join sampled_customers
        on customer_days.customer_id = sampled_customers.customer_id
    inner join cutoffs
        on
            cutoffs.example_set = 'current'
            or sampled_customers.customer_id is not null

),

totals as (

    select
        customer_id,
        cutoff_date,
        example_set,
        holdout_days,
        is_sampled,
        history_days,
        sum(case when days_ago > 0 then purchase_days else 0 end) as purchase_days,
        sum(case when days_ago > 0 then net_revenue else 0 end) as net_revenue,
        max(case when days_ago > 0 and purchase_days > 0 then days_ago end) as age_days,
        min(case when days_ago > 0 and purchase_days > 0 then days_ago end)
            as days_since_last_order,
        min(case when days_ago <= 0 and purchase_days > 0 then 1 - days_ago end)
            as days_until_next_order
        {%- for days in horizons -%}
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
    group by
        customer_id, cutoff_date, example_set, holdout_days, is_sampled, history_days
    having sum(case when days_ago > 0 then purchase_days else 0 end) > 0

)

select
    customer_id,
    cutoff_date,
    example_set,
    holdout_days,
    is_sampled,
    cast(history_days as integer) as history_days,
    cast(purchase_days - 1 as integer) as repeat_purchase_days,
    cast(age_days - days_since_last_order as double) / 7 as btyd_recency_weeks,
    cast(age_days as double) / 7 as btyd_age_weeks,
    cast(net_revenue * 1e0 / purchase_days as double) as mean_purchase_day_value,
    cast(
        case when example_set <> 'current' then days_until_next_order end as integer
    ) as days_until_next_order
    {%- for days in (90, 365) -%}
        ,
        cast(purchase_days_{{ days }}d as integer) as purchase_days_{{ days }}d,
        cast(net_revenue_{{ days }}d as decimal(38, 4)) as net_revenue_{{ days }}d
    {%- endfor %}
    {%- for days in horizons -%}
        ,
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
