{%- set rankings = [
    "value_at_risk",
    "spend_if_staying",
    "churn_probability",
    "days_since_last_order",
    "random",
] -%}
with customers as (

    select * from {{ ref("ml_action_backtest") }}

),

deciles as (

    {% for ranking in rankings -%}
        select
            customer_id,
            cutoff_date,
            has_churned,
            comparable_group,
            net_revenue_year_before,
            '{{ ranking }}' as ranking,
            1 + cast(floor(
                10e0 * (row_number() over places - 1) / count(*) over ()
            ) as integer) as place_decile
        from customers
        window places as (order by {{ ranking }} desc, customer_id nulls last)
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

weights as (

    {{ bootstrap_weights("customers") }}

),

-- What comparable customers who stayed brought in the window after the cutoff; where
-- nobody of a group stayed, all who stayed.
stayers as (

    select
        weights.resample,
        customers.comparable_group,
        cast(sum(weights.weight * customers.net_revenue_after) as double) as revenue,
        cast(sum(weights.weight) as double) as customers
    from customers
    inner join weights on customers.customer_id = weights.customer_id
    where not customers.has_churned
    group by weights.resample, customers.comparable_group

),

all_stayers as (

    select
        resample,
        sum(revenue) * 1e0 / nullif(sum(customers), 0) as mean_revenue
    from stayers
    group by resample

),

group_sums as (

    select
        deciles.cutoff_date,
        deciles.ranking,
        weights.resample,
        deciles.place_decile,
        deciles.comparable_group,
        sum(weights.weight) as customers,
        sum(case when deciles.has_churned then weights.weight else 0 end) as leavers,
        sum(
            case
                when deciles.has_churned and deciles.net_revenue_year_before is null
                    then weights.weight
                else 0
            end
        ) as unknown_leavers,
        sum(
            case
                when deciles.has_churned
                    then weights.weight * coalesce(deciles.net_revenue_year_before, 0)
                else 0
            end
        ) as known_revenue
    from deciles
    inner join weights on deciles.customer_id = weights.customer_id
    group by
        deciles.cutoff_date, deciles.ranking, weights.resample, deciles.place_decile,
        deciles.comparable_group

),

decile_sums as (

    select
        group_sums.cutoff_date,
        group_sums.ranking,
        group_sums.resample,
        group_sums.place_decile,
        sum(group_sums.customers) as customers,
        sum(group_sums.leavers) as leavers,
        sum({{ as_decimal(
            "group_sums.known_revenue + group_sums.unknown_leavers * coalesce("
            ~ "stayers.revenue * 1e0 / nullif(stayers.customers, 0),"
            ~ " all_stayers.mean_revenue, 0)"
        ) }}) as lost_revenue
    from group_sums
    left join stayers
        on
            group_sums.resample = stayers.resample
            and group_sums.comparable_group = stayers.comparable_group
    left join all_stayers on group_sums.resample = all_stayers.resample
    group by
        group_sums.cutoff_date, group_sums.ranking, group_sums.resample,
        group_sums.place_decile

),

cumulated as (

    select
        cutoff_date,
        ranking,
        resample,
        10 * place_decile as top_percent,
        {%- for figure in ("customers", "leavers", "lost_revenue") %}
            sum({{ figure }}) over (
                partition by ranking, resample order by place_decile nulls last
                rows between unbounded preceding and current row
            ) as {{ figure }},
        {%- endfor %}
        sum(lost_revenue) over (partition by ranking, resample)
            as all_lost_revenue
    from decile_sums

),

shares as (

    select
        *,
        {{ share_of("lost_revenue", "all_lost_revenue") }} as value
    from cumulated

),

-- How much more than a list of the same length by value alone, in the same resample.
gains as (

    select
        ranking,
        top_percent,
        resample,
        value - max(case when ranking = 'spend_if_staying' then value end)
            over (partition by resample, top_percent) as value
    from shares

),

intervals as (

    {{ bootstrap_intervals("shares", ["ranking", "top_percent"], "weights") }}

),

gain_intervals as (

    {{ bootstrap_intervals("gains", ["ranking", "top_percent"], "weights") }}

)

select
    shares.cutoff_date,
    cast(shares.ranking as string) as ranking,
    cast(shares.top_percent as integer) as top_percent,
    cast(shares.customers as bigint) as customers,
    cast(shares.leavers as bigint) as leavers,
    cast(shares.lost_revenue as decimal(38, 4)) as lost_revenue,
    cast(intervals.value as double) as lost_revenue_share,
    cast(intervals.ci_low as double) as ci_low,
    cast(intervals.ci_high as double) as ci_high,
    cast(gain_intervals.value as double) as gain_on_value_alone,
    cast(gain_intervals.ci_low as double) as gain_low,
    cast(gain_intervals.ci_high as double) as gain_high
from shares
inner join intervals
    on shares.ranking = intervals.ranking and shares.top_percent = intervals.top_percent
inner join gain_intervals
    on
        shares.ranking = gain_intervals.ranking
        and shares.top_percent = gain_intervals.top_percent
where shares.resample = 0
