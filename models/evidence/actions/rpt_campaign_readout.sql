{%- set arms = {"contacted": "not is_holdout", "held_out": "is_holdout"} -%}
{%- set counted = "least(net_revenue, " ~ as_decimal("revenue_limit", 18) ~ ")" -%}
{%- set counted_square = counted ~ " * " ~ counted -%}
with outcomes as (

    select * from {{ ref("int_campaign_outcomes") }}

),

playbook as (

    select * from {{ ref("action_playbook") }}

),

groups as (

    select
        *,
        action as read_action
    from outcomes
    union all
    select
        *,
        'all' as read_action
    from outcomes

),

-- A few large customers decide the spread of revenue, and most samples hold none of
-- them: each customer counts up to the 99 % quantile of both groups together.
capped as (

    select
        *,
        {{ continuous_quantile("net_revenue", 0.99) }} over (
            partition by campaign, starts_on, read_action
        ) as revenue_limit
    from groups

),

counted as (

    select
        campaign,
        starts_on,
        ends_on,
        is_over,
        read_action as action,
        max(revenue_limit) as revenue_limit,
        {%- for arm, condition in arms.items() %}
            cast(count(case when {{ condition }} then 1 end) as double)
                as {{ arm }}_customers,
            cast(count(case when {{ condition }} and has_bought then 1 end) as double)
                as {{ arm }}_buyers,
            cast(sum(case when {{ condition }} then {{ counted }} else 0 end) as double)
                as {{ arm }}_net_revenue,
            cast(
                sum(case when {{ condition }} then {{ counted_square }} else 0 end)
                as double
            ) as {{ arm }}_square_sum
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from capped
    group by campaign, starts_on, ends_on, is_over, read_action

),

-- Of one customer there is no spread, of none no rate.
compared as (

    select
        *,
        {%- for arm in arms %}
            {{ proportion(arm ~ "_buyers", arm ~ "_customers") }} as {{ arm }}_rate,
            {{ wilson_bound(arm ~ "_buyers", arm ~ "_customers", "-") }}
                as {{ arm }}_rate_low,
            {{ wilson_bound(arm ~ "_buyers", arm ~ "_customers", "+") }}
                as {{ arm }}_rate_high,
            {{ arm }}_net_revenue * 1e0
            / nullif({{ arm }}_customers, 0) as {{ arm }}_mean,
            greatest(
                {{ arm }}_square_sum
                - {{ arm }}_net_revenue * {{ arm }}_net_revenue * 1e0
                / nullif({{ arm }}_customers, 0),
                0
            ) as {{ arm }}_deviance
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from counted

),

-- Differences of shares after Newcombe (1998, method 10), of means with the spread of
-- both groups pooled, since the smaller one alone hardly shows it.
differences as (

    select
        *,
        contacted_rate - held_out_rate as lift,
        contacted_rate - held_out_rate - sqrt(
            power(contacted_rate - contacted_rate_low, 2)
            + power(held_out_rate_high - held_out_rate, 2)
        ) as lift_low,
        contacted_rate - held_out_rate + sqrt(
            power(contacted_rate_high - contacted_rate, 2)
            + power(held_out_rate - held_out_rate_low, 2)
        ) as lift_high,
        contacted_mean - held_out_mean as gain,
        1.959964 * sqrt(
            (contacted_deviance + held_out_deviance) * 1e0
            / nullif(contacted_customers + held_out_customers - 2, 0)
            * (
                1e0 / nullif(contacted_customers, 0)
                + 1e0 / nullif(held_out_customers, 0)
            )
        ) as gain_margin
    from compared

),

judged as (

    select
        *,
        case
            when not is_over then 'running'
            when contacted_customers = 0 or held_out_customers = 0 then 'no_comparison'
            when lift_low > 0 then 'buys_more'
            when lift_high < 0 then 'buys_less'
            else 'no_difference_seen'
        end as status
    from differences

)

select
    cast(judged.campaign as string) as campaign,
    judged.starts_on,
    judged.ends_on,
    cast(judged.action as string) as action,
    cast(coalesce(playbook.label, 'All contacts') as string) as action_label,
    cast(judged.status as string) as status,
    cast(judged.contacted_customers as bigint) as contacted_customers,
    cast(judged.held_out_customers as bigint) as held_out_customers,
    {%- for arm in arms %}
        cast(case when judged.is_over then judged.{{ arm }}_rate end as double)
            as {{ arm }}_purchase_rate,
    {%- endfor %}
    cast(case when judged.is_over then judged.lift end as double)
        as purchase_rate_difference,
    cast(case when judged.is_over then judged.lift_low end as double)
        as purchase_rate_difference_low,
    cast(case when judged.is_over then judged.lift_high end as double)
        as purchase_rate_difference_high,
    cast(
        case
            when judged.is_over
                then judged.lift * 1e0 / nullif(1 - judged.held_out_rate, 0)
        end as double
    ) as measured_response_rate,
    {%- for arm in arms %}
        {{ as_decimal("case when judged.is_over then judged." ~ arm ~ "_mean end") }}
            as {{ arm }}_net_revenue_per_customer,
    {%- endfor %}
    {{ as_decimal("case when judged.is_over then judged.revenue_limit end") }}
        as revenue_limit,
    {{ as_decimal("case when judged.is_over then judged.gain end") }}
        as net_revenue_difference,
    {{ as_decimal(
        "case when judged.is_over then judged.gain - judged.gain_margin end"
    ) }} as net_revenue_difference_low,
    {{ as_decimal(
        "case when judged.is_over then judged.gain + judged.gain_margin end"
    ) }} as net_revenue_difference_high,
    cast(
        case judged.status
            when 'running'
                then 'Outcomes are known after '
                    || cast(judged.ends_on as string) || '.'
            when 'no_comparison'
                then 'Nobody was held out, or nobody contacted: no comparison.'
            else
                {{ format_percent("judged.contacted_rate") }}
                || ' of those contacted bought, of those held out '
                || {{ format_percent("judged.held_out_rate") }}
                || ': '
                || case judged.status
                    when 'buys_more' then 'more, beyond what chance would do'
                    when 'buys_less' then 'fewer, beyond what chance would do'
                    else 'chance alone may do as much'
                end || '.'
        end as string
    ) as finding
from judged
left join playbook on judged.action = playbook.action
