{%- set rankings = {
    "value_at_risk": "churn_probability * spending_per_window",
    "churn_probability": "churn_probability",
    "past_revenue": "net_revenue",
} -%}
with backtest as (

    select backtest.*
    from {{ ref("fct_churn_backtest") }} as backtest
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on backtest.model = selection.model and selection.is_chosen

),

examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'test'

),

-- Money to four places, so that sums do not depend on their order.
customers as (

    select
        backtest.customer_id,
        backtest.cutoff_date,
        backtest.churn_probability,
        backtest.has_churned,
        cast(examples.net_revenue as decimal(38, 4)) as net_revenue,
        {{ spending_per_window(
            "examples.net_revenue", "examples.tenure_days", "examples.horizon_days"
        ) }} as spending_per_window
    from backtest
    inner join examples
        on
            backtest.customer_id = examples.customer_id
            and backtest.cutoff_date = examples.cutoff_date

),

ranked as (

    {% for ranking, measure in rankings.items() -%}
        select
            customer_id,
            cutoff_date,
            has_churned,
            net_revenue,
            '{{ ranking }}' as ranking,
            row_number() over (
                partition by cutoff_date order by {{ measure }} desc, customer_id asc
            ) as place,
            count(*) over (partition by cutoff_date) as customers
        from customers
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

deciles as (

    select
        *,
        cast(floor(10.0 * (place - 1) / customers) as integer) + 1 as place_decile
    from ranked

),

weights as (

    {{ bootstrap_weights("customers") }}

),

decile_sums as (

    select
        deciles.cutoff_date,
        deciles.ranking,
        weights.resample,
        deciles.place_decile,
        sum(weights.weight) as customers,
        sum(case when deciles.has_churned then weights.weight else 0 end) as leavers,
        sum(
            case
                when deciles.has_churned then weights.weight * deciles.net_revenue
                else 0
            end
        ) as leaver_net_revenue
    from deciles
    inner join weights on deciles.customer_id = weights.customer_id
    group by
        deciles.cutoff_date, deciles.ranking, weights.resample, deciles.place_decile

),

cumulated as (

    select
        cutoff_date,
        ranking,
        resample,
        10 * place_decile as top_percent,
        {%- for figure in ("customers", "leavers", "leaver_net_revenue") %}
            sum({{ figure }}) over (
                partition by cutoff_date, ranking, resample order by place_decile
                rows between unbounded preceding and current row
            ) as {{ figure }},
        {%- endfor %}
        sum(leaver_net_revenue) over (partition by cutoff_date, ranking, resample)
            as all_leaver_net_revenue
    from decile_sums

),

shares as (

    select
        cutoff_date,
        ranking,
        top_percent,
        resample,
        {{ share_of("leaver_net_revenue", "all_leaver_net_revenue") }} as value
    from cumulated

),

intervals as (

    {{ bootstrap_intervals(
        "shares", ["cutoff_date", "ranking", "top_percent"], "weights"
    ) }}

)

select
    cumulated.cutoff_date,
    cast(cumulated.ranking as varchar) as ranking,
    cast(cumulated.top_percent as integer) as top_percent,
    cast(cumulated.customers as bigint) as customers,
    cast(cumulated.leavers as bigint) as leavers,
    cast(cumulated.leaver_net_revenue as decimal(38, 4)) as leaver_net_revenue,
    cast(intervals.value as double) as leaver_revenue_share,
    cast(intervals.ci_low as double) as ci_low,
    cast(intervals.ci_high as double) as ci_high
from cumulated
inner join intervals
    on
        cumulated.cutoff_date = intervals.cutoff_date
        and cumulated.ranking = intervals.ranking
        and cumulated.top_percent = intervals.top_percent
where cumulated.resample = 0
