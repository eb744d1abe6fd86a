{#- Candidates from the champion on, then simple ones. -#}
{%- set forecasts = [
    "lifetime_value", "fitted_model", "last_365_days", "geometric_mean", "two_part",
    "last_90_days", "own_average", "overall_average", "ideal",
] -%}
{%- set horizons = [90, 180, 365] -%}
{%- set metrics = [
    "purchase_days", "net_revenue", "purchase_days_over_actual", "net_revenue_over_actual",
    "purchase_days_mae", "net_revenue_mae", "net_revenue_mae_over_fitted",
    "net_revenue_rmse", "top_decile_capture", "rank_correlation", "interval_coverage",
    "interval_coverage_top_decile",
] -%}
{%- set purchase_days, net_revenues, values = {}, {}, {} -%}
{%- for forecast in forecasts -%}
    {%- set name = "'" ~ forecast ~ "'" -%}
    {%- do purchase_days.update({name: "forecasts." ~ forecast ~ "_purchase_days"}) -%}
    {%- do net_revenues.update({name: "forecasts." ~ forecast ~ "_net_revenue"}) -%}
{%- endfor -%}
{%- for metric in metrics -%}
    {%- do values.update({"'" ~ metric ~ "'": "wide." ~ metric}) -%}
{%- endfor -%}
{%- set not_negative -%}
    'purchase_days', 'purchase_days_over_actual', 'purchase_days_mae',
    'net_revenue_mae', 'net_revenue_mae_over_fitted', 'net_revenue_rmse',
    'interval_coverage', 'interval_coverage_top_decile'
{%- endset -%}
with summaries as (

    select * from {{ ref("int_btyd_summary") }}
    where example_set = 'test'

),

predictions as (

    select * from {{ ref("ml_clv_forecasts") }}

),

-- A test cutoff is judged over its own horizon.
joined as (

    select
        summaries.customer_id,
        summaries.cutoff_date,
        predictions.horizon_days,
        summaries.repeat_purchase_days,
        summaries.btyd_age_weeks,
        summaries.purchase_days_90d,
        cast(summaries.net_revenue_90d as double) as net_revenue_90d,
        summaries.purchase_days_365d,
        least(summaries.history_days, 365) as last_365_days,
        cast(
            summaries.mean_purchase_day_value
            * (summaries.repeat_purchase_days + 1) as double
        )
            as net_revenue,
        predictions.predicted_purchase_days,
        predictions.champion,
        predictions.champion_low,
        predictions.champion_high,
        predictions.fitted_model,
        predictions.last_365_days as last_365_days_net_revenue,
        predictions.geometric_mean,
        predictions.two_part,
        case predictions.horizon_days
            {% for days in horizons -%}
                when {{ days }} then summaries.actual_purchase_days_{{ days }}d
            {% endfor -%}
        end as actual_purchase_days,
        cast(
            case predictions.horizon_days
                {% for days in horizons -%}
                    when {{ days }} then summaries.actual_net_revenue_{{ days }}d
                {% endfor -%}
            end as double
        ) as actual_net_revenue
    from summaries
    inner join predictions
        on
            summaries.customer_id = predictions.customer_id
            and summaries.cutoff_date = cast(predictions.cutoff_date as date)

),

overall as (

    select
        cutoff_date,
        sum(repeat_purchase_days)
        * 1e0
        / nullif(sum(btyd_age_weeks) * 7, 0) as purchase_days_a_day,
        greatest(sum(net_revenue), 0) * 1e0
        / sum(repeat_purchase_days + 1) as mean_purchase_day_value
    from joined
    group by cutoff_date

),

-- The champion forecasts revenue; the purchase days are those of the fitted model.
forecasts as (

    select
        joined.customer_id,
        joined.cutoff_date,
        joined.horizon_days,
        joined.actual_purchase_days,
        joined.actual_net_revenue,
        joined.predicted_purchase_days as lifetime_value_purchase_days,
        joined.champion as lifetime_value_net_revenue,
        joined.predicted_purchase_days as fitted_model_purchase_days,
        joined.fitted_model as fitted_model_net_revenue,
        joined.purchase_days_365d * joined.horizon_days * 1e0 / joined.last_365_days
            as last_365_days_purchase_days,
        joined.last_365_days_net_revenue,
        null as geometric_mean_purchase_days,
        joined.geometric_mean as geometric_mean_net_revenue,
        null as two_part_purchase_days,
        joined.two_part as two_part_net_revenue,
        joined.purchase_days_90d * joined.horizon_days / 90e0
            as last_90_days_purchase_days,
        greatest(joined.net_revenue_90d, 0) * joined.horizon_days / 90e0
            as last_90_days_net_revenue,
        (joined.repeat_purchase_days + 1)
        * joined.horizon_days * 1e0
        / greatest(joined.btyd_age_weeks * 7, 90) as own_average_purchase_days,
        greatest(joined.net_revenue, 0)
        * joined.horizon_days * 1e0
        / greatest(joined.btyd_age_weeks * 7, 90) as own_average_net_revenue,
        overall.purchase_days_a_day * joined.horizon_days
            as overall_average_purchase_days,
        overall.purchase_days_a_day
        * joined.horizon_days
        * overall.mean_purchase_day_value as overall_average_net_revenue,
        joined.actual_purchase_days as ideal_purchase_days,
        joined.actual_net_revenue as ideal_net_revenue,
        case
            when
                greatest(joined.actual_net_revenue, 0)
                between joined.champion_low and joined.champion_high
                then 1
            else 0
        end as is_covered
    from joined
    inner join overall on joined.cutoff_date = overall.cutoff_date

),

compared as (

    select
        forecasts.customer_id,
        forecasts.cutoff_date,
        forecasts.horizon_days,
        names.model,
        forecasts.actual_purchase_days,
        forecasts.actual_net_revenue,
        cast({{ one_of("names.model", purchase_days) }} as double) as purchase_days,
        cast({{ one_of("names.model", net_revenues) }} as double) as net_revenue,
        case when names.model = 'lifetime_value' then forecasts.is_covered end
            as covered
    from forecasts
    cross join {{ rows_of(net_revenues) }} as names (model)
    where {{ one_of("names.model", net_revenues) }} is not null

),

-- Equal values share the mean of their ranks (Spearman 1904); the top tenth is counted
-- out to the last customer.
ranked as (

    select
        *,
        10 * (
            row_number() over (
                partition by cutoff_date, horizon_days, model
                order by net_revenue desc, customer_id asc nulls last
            ) - 1
        ) < count(*) over (partition by cutoff_date, horizon_days, model)
            as is_top_decile,
        {%- for value in ("net_revenue", "actual_net_revenue") %}
            rank() over (
                partition by cutoff_date, horizon_days, model
                order by {{ value }} nulls last
            ) + count(*) over (
                partition by cutoff_date, horizon_days, model, {{ value }}
            ) / 2e0 as {{ value }}_rank
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
        -- Exact: what is rounded below must not depend on the order of the rows.
        cast(sum({{ as_decimal(
            "weights.weight * ranked.purchase_days", 38, 6
        ) }}) as double) as purchase_days,
        cast(sum({{ as_decimal(
            "weights.weight * ranked.net_revenue", 38, 6
        ) }}) as double) as net_revenue,
        sum(weights.weight * abs(ranked.purchase_days - ranked.actual_purchase_days))
            as purchase_days_error,
        sum(weights.weight * abs(ranked.net_revenue - ranked.actual_net_revenue))
            as net_revenue_error,
        sum(
            weights.weight
            * (ranked.net_revenue - ranked.actual_net_revenue)
            * (ranked.net_revenue - ranked.actual_net_revenue)
        ) as net_revenue_squared_error,
        sum(
            case
                when ranked.is_top_decile
                    then weights.weight * ranked.actual_net_revenue
                else 0
            end
        ) as top_decile_net_revenue,
        sum(weights.weight * ranked.covered) as covered,
        sum(case when ranked.is_top_decile then weights.weight end)
            as top_decile_customers,
        sum(case when ranked.is_top_decile then weights.weight * ranked.covered end)
            as top_decile_covered
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

wide as (

    select
        totals.cutoff_date,
        totals.horizon_days,
        totals.model,
        totals.resample,
        {{ round_to("totals.purchase_days * 1e0 / totals.sampled_share", 4) }}
            as purchase_days,
        {{ round_to("totals.net_revenue * 1e0 / totals.sampled_share", 4) }}
            as net_revenue,
        totals.purchase_days * 1e0
        / nullif(totals.actual_purchase_days, 0) as purchase_days_over_actual,
        {{ share_of("totals.net_revenue", "totals.actual_net_revenue") }}
            as net_revenue_over_actual,
        {{ round_to("totals.purchase_days_error * 1e0 / totals.customers", 4) }}
            as purchase_days_mae,
        {{ round_to("totals.net_revenue_error * 1e0 / totals.customers", 4) }}
            as net_revenue_mae,
        -- Of the same customers in the same resample: a paired comparison.
        {{ round_to(
            "totals.net_revenue_error * 1e0 / nullif(max(case when totals.model ="
            ~ " 'fitted_model' then totals.net_revenue_error end) over (partition by"
            ~ " totals.cutoff_date, totals.horizon_days, totals.resample), 0)", 6
        ) }} as net_revenue_mae_over_fitted,
        {{ round_to(
            "sqrt(totals.net_revenue_squared_error * 1e0 / totals.customers)", 4
        ) }} as net_revenue_rmse,
        {{ share_of("totals.top_decile_net_revenue", "totals.actual_net_revenue") }}
            as top_decile_capture,
        -- Ranks would have to be made anew for each resample: no interval.
        case when totals.resample = 0 then rank_correlations.rank_correlation end
            as rank_correlation,
        totals.covered * 1e0 / totals.customers as interval_coverage,
        totals.top_decile_covered * 1e0 / nullif(totals.top_decile_customers, 0)
            as interval_coverage_top_decile
    from totals
    inner join rank_correlations
        on
            totals.cutoff_date = rank_correlations.cutoff_date
            and totals.horizon_days = rank_correlations.horizon_days
            and totals.model = rank_correlations.model

),

long as (

    select
        wide.cutoff_date,
        wide.horizon_days,
        wide.model,
        wide.resample,
        names.metric,
        cast({{ one_of("names.metric", values) }} as double) as value
    from wide
    cross join {{ rows_of(values) }} as names (metric)
    where
        case
            when names.metric like 'interval_coverage%'
                then wide.model = 'lifetime_value'
            when names.metric = 'net_revenue_mae_over_fitted'
                then wide.model not in (
                        'last_90_days', 'own_average', 'overall_average', 'ideal'
                    )
            when names.metric like 'purchase_days%'
                then wide.model not in ('geometric_mean', 'two_part')
            else true
        end

),

intervals as (

    {{ bootstrap_intervals(
        "long",
        ["cutoff_date", "horizon_days", "model", "metric"],
        "weights",
        lowest="case when metric in (" ~ not_negative ~ ") then 0.0"
        ~ " when metric = 'rank_correlation' then -1.0 end",
        highest="case when metric = 'rank_correlation'"
        ~ " or metric like 'interval_coverage%' then 1.0 end"
    ) }}

)

select
    cutoff_date,
    cast(horizon_days as integer) as horizon_days,
    cast(model as string) as model,
    cast(metric as string) as metric,
    value,
    cast(ci_low as double) as ci_low,
    cast(ci_high as double) as ci_high
from intervals
