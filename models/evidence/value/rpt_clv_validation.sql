{%- set horizons = [90, 365] -%}
{%- set forecasts = [
    "lifetime_value", "last_90_days", "last_365_days", "own_average",
    "overall_average", "ideal",
] -%}
{%- set metrics = [
    "purchase_days", "net_revenue", "purchase_days_over_actual", "net_revenue_over_actual",
    "purchase_days_mae", "net_revenue_mae", "top_decile_capture", "rank_correlation",
    "interval_coverage",
] -%}
with summaries as (

    select * from {{ ref("int_btyd_summary") }}
    where example_set = 'test'

),

predictions as (

    select * from {{ ref("ml_clv_predictions") }}
    where predicted_purchase_days_90d is not null

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

-- A value is discounted and may be a margin; the holdout shows plain net revenue.
joined as (

    select
        summaries.*,
        predictions.predicted_purchase_days_90d,
        predictions.predicted_purchase_days_365d,
        predictions.expected_purchase_day_value,
        predictions.predicted_value_90d,
        predictions.predicted_value_90d_low,
        predictions.predicted_value_90d_high,
        predictions.predicted_value_365d,
        predictions.predicted_value_365d_low,
        predictions.predicted_value_365d_high,
        cast(
            summaries.mean_purchase_day_value
            * (summaries.repeat_purchase_days + 1) as double
        )
            as net_revenue,
        least(
            {{ day_difference("as_of.first_invoice_date", "summaries.cutoff_date") }},
            365
        ) as last_365_days
    from summaries
    inner join predictions
        on
            summaries.customer_id = predictions.customer_id
            and summaries.cutoff_date = cast(predictions.cutoff_date as date)
    cross join as_of

),

overall as (

    select
        cutoff_date,
        sum(repeat_purchase_days)
        * 1.0
        / nullif(sum(btyd_age_weeks) * 7, 0) as purchase_days_a_day,
        greatest(sum(net_revenue), 0)
        / sum(repeat_purchase_days + 1) as mean_purchase_day_value
    from joined
    group by cutoff_date

),

forecasts as (

    {% for days in horizons -%}
        select
            joined.customer_id,
            joined.cutoff_date,
            {{ days }} as horizon_days,
            joined.actual_purchase_days_{{ days }}d as actual_purchase_days,
            cast(joined.actual_net_revenue_{{ days }}d as double) as actual_net_revenue,
            joined.predicted_purchase_days_{{ days }}d as lifetime_value_purchase_days,
            joined.predicted_purchase_days_{{ days }}d
            * joined.expected_purchase_day_value
                as lifetime_value_net_revenue,
            joined.purchase_days_90d * {{ days }} / 90.0 as last_90_days_purchase_days,
            greatest(joined.net_revenue_90d, 0) * {{ days }} / 90.0
                as last_90_days_net_revenue,
            joined.purchase_days_365d * {{ days }} * 1.0 / joined.last_365_days
                as last_365_days_purchase_days,
            greatest(joined.net_revenue_365d, 0) * {{ days }} * 1.0
            / joined.last_365_days as last_365_days_net_revenue,
            (joined.repeat_purchase_days + 1) * {{ days }}
            / greatest(joined.btyd_age_weeks * 7, 90) as own_average_purchase_days,
            greatest(joined.net_revenue, 0) * {{ days }}
            / greatest(joined.btyd_age_weeks * 7, 90) as own_average_net_revenue,
            overall.purchase_days_a_day * {{ days }} as overall_average_purchase_days,
            overall.purchase_days_a_day * {{ days }} * overall.mean_purchase_day_value
                as overall_average_net_revenue,
            joined.actual_purchase_days_{{ days }}d as ideal_purchase_days,
            joined.actual_net_revenue_{{ days }}d as ideal_net_revenue,
            -- Low and high are worth as much less than revenue as the value itself.
            case
                when
                    greatest(joined.actual_net_revenue_{{ days }}d, 0)
                    * joined.predicted_value_{{ days }}d
                    between
                    joined.predicted_value_{{ days }}d_low
                    * joined.predicted_purchase_days_{{ days }}d
                    * joined.expected_purchase_day_value
                    and
                    joined.predicted_value_{{ days }}d_high
                    * joined.predicted_purchase_days_{{ days }}d
                    * joined.expected_purchase_day_value
                    then 1
                else 0
            end as is_covered
        from joined
        inner join overall on joined.cutoff_date = overall.cutoff_date
        where joined.actual_purchase_days_{{ days }}d is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

compared as (

    {% for forecast in forecasts -%}
        select
            customer_id,
            cutoff_date,
            horizon_days,
            '{{ forecast }}' as model,
            actual_purchase_days,
            actual_net_revenue,
            cast({{ forecast }}_purchase_days as double) as purchase_days,
            cast({{ forecast }}_net_revenue as double) as net_revenue,
            case when '{{ forecast }}' = 'lifetime_value' then is_covered end as covered
        from forecasts
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Equal values share the mean of their ranks (Spearman 1904); the top tenth is counted
-- out to the last customer.
ranked as (

    select
        *,
        row_number() over (
            partition by cutoff_date, horizon_days, model
            order by net_revenue desc, customer_id asc
        ) as place,
        count(*) over (partition by cutoff_date, horizon_days, model) as customers,
        {%- for value in ("net_revenue", "actual_net_revenue") %}
            rank() over (
                partition by cutoff_date, horizon_days, model order by {{ value }}
            ) + count(*) over (
                partition by cutoff_date, horizon_days, model, {{ value }}
            ) / 2.0 as {{ value }}_rank
            {%- if not loop.last %},{% endif -%}
        {%- endfor %}
    from compared

),

-- The draws of the churn models.
weights as (

    {{ bootstrap_weights("joined") }}

),

totals as (

    select
        ranked.cutoff_date,
        ranked.horizon_days,
        ranked.model,
        weights.resample,
        coalesce(max(weights.sampled_share), 1) as sampled_share,
        sum(weights.weight) as customers,
        sum(weights.weight * ranked.actual_purchase_days) as actual_purchase_days,
        sum(weights.weight * ranked.actual_net_revenue) as actual_net_revenue,
        sum(weights.weight * ranked.purchase_days) as purchase_days,
        sum(weights.weight * ranked.net_revenue) as net_revenue,
        sum(weights.weight * abs(ranked.purchase_days - ranked.actual_purchase_days))
            as purchase_days_error,
        sum(weights.weight * abs(ranked.net_revenue - ranked.actual_net_revenue))
            as net_revenue_error,
        sum(
            case
                when 10 * (ranked.place - 1) < ranked.customers
                    then weights.weight * ranked.actual_net_revenue
                else 0
            end
        ) as top_decile_net_revenue,
        sum(weights.weight * ranked.covered) as covered
    from ranked
    inner join weights on ranked.customer_id = weights.customer_id
    where weights.weight > 0
    group by
        ranked.cutoff_date, ranked.horizon_days, ranked.model, weights.resample

),

rank_correlations as (

    select
        cutoff_date,
        horizon_days,
        model,
        case
            when min(net_revenue_rank) < max(net_revenue_rank)
                and min(actual_net_revenue_rank) < max(actual_net_revenue_rank)
                then corr(net_revenue_rank, actual_net_revenue_rank)
        end as rank_correlation
    from ranked
    group by cutoff_date, horizon_days, model

),

-- Rounded: the last digits of a sum of doubles depend on its order.
wide as (

    select
        totals.cutoff_date,
        totals.horizon_days,
        totals.model,
        totals.resample,
        round(totals.purchase_days / totals.sampled_share, 4) as purchase_days,
        round(totals.net_revenue / totals.sampled_share, 4) as net_revenue,
        totals.purchase_days
        / nullif(totals.actual_purchase_days, 0) as purchase_days_over_actual,
        {{ share_of("totals.net_revenue", "totals.actual_net_revenue") }}
            as net_revenue_over_actual,
        round(totals.purchase_days_error / totals.customers, 4) as purchase_days_mae,
        round(totals.net_revenue_error / totals.customers, 4) as net_revenue_mae,
        {{ share_of("totals.top_decile_net_revenue", "totals.actual_net_revenue") }}
            as top_decile_capture,
        -- Ranks would have to be made anew for each resample: no interval.
        case when totals.resample = 0 then rank_correlations.rank_correlation end
            as rank_correlation,
        totals.covered * 1.0 / totals.customers as interval_coverage
    from totals
    inner join rank_correlations
        on
            totals.cutoff_date = rank_correlations.cutoff_date
            and totals.horizon_days = rank_correlations.horizon_days
            and totals.model = rank_correlations.model

),

long as (

    {% for metric in metrics -%}
        select
            cutoff_date,
            horizon_days,
            model,
            resample,
            '{{ metric }}' as metric,
            cast({{ metric }} as double) as value
        from wide
        {% if metric == "interval_coverage" -%}
            where model = 'lifetime_value'
        {% endif -%}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

intervals as (

    {{ bootstrap_intervals(
        "long",
        ["cutoff_date", "horizon_days", "model", "metric"],
        "weights",
        lowest="case when metric in ('purchase_days', 'purchase_days_over_actual',"
        ~ " 'purchase_days_mae', 'net_revenue_mae', 'interval_coverage') then 0.0"
        ~ " when metric = 'rank_correlation' then -1.0 end",
        highest="case when metric in ('rank_correlation', 'interval_coverage')"
        ~ " then 1.0 end"
    ) }}

)

select
    cutoff_date,
    cast(horizon_days as integer) as horizon_days,
    cast(model as varchar) as model,
    cast(metric as varchar) as metric,
    value,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high
from intervals
