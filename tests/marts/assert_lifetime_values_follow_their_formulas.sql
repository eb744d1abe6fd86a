-- What the package predicted, worked out anew where the papers give a closed form: the
-- value of an order (Fader and Hardie, note 025, equation 5); orders without dropout
-- (the mean of a negative binomial); and P(alive) of BG/NBD and MBG/NBD, whose first
-- purchase may be the last.
with parameters as (

    select
        cutoff_date,
        max(case when model <> 'gamma_gamma' then model end) as orders_model,
        max(case when parameter = 'r' then estimate end) as r,
        max(case when parameter = 'alpha' then estimate end) as alpha,
        max(case when parameter = 'a' then estimate end) as a,
        max(case when parameter = 'b' then estimate end) as b,
        max(case when parameter = 'p' then estimate end) as p,
        max(case when parameter = 'q' then estimate end) as q,
        max(case when parameter = 'gamma' then estimate end) as gamma
    from {{ ref("rpt_clv_parameters") }}
    where is_used
    group by cutoff_date

),

customers as (

    select
        summaries.customer_id,
        summaries.repeat_purchase_days,
        summaries.btyd_recency_weeks,
        summaries.btyd_age_weeks,
        summaries.mean_purchase_day_value,
        parameters.*,
        predictions.predicted_purchase_days_90d,
        predictions.expected_purchase_day_value,
        predictions.p_alive,
        summaries.repeat_purchase_days
        + case parameters.orders_model when 'mbg_nbd' then 1 else 0 end as occasions,
        (parameters.alpha + summaries.btyd_age_weeks) * 1e0
        / (parameters.alpha + summaries.btyd_recency_weeks) as silence
    from {{ ref("int_btyd_summary") }} as summaries
    inner join parameters on summaries.cutoff_date = parameters.cutoff_date
    inner join {{ ref("ml_clv_predictions") }} as predictions
        on
            summaries.customer_id = predictions.customer_id
            and summaries.cutoff_date = cast(predictions.cutoff_date as date)

),

expected as (

    select
        *,
        p * 1e0
        * (gamma + (repeat_purchase_days + 1) * greatest(mean_purchase_day_value, 0))
        / (p * (repeat_purchase_days + 1) + q - 1) as order_value,
        (r + repeat_purchase_days) * (90 / 7e0) / (alpha + btyd_age_weeks)
            as orders_without_dropout,
        case
            when occasions = 0 then 1
            else 1
                / (
                    1
                    + a * 1e0
                    / (b + occasions - 1) * power(silence, r + repeat_purchase_days)
                )
        end as alive
    from customers

)

select *
from expected
where
    not coalesce(
        abs(expected_purchase_day_value - order_value) <= 1e-9 * order_value, false
    )
    or (
        orders_model = 'nbd'
        and not coalesce(
            abs(predicted_purchase_days_90d - orders_without_dropout)
            <= 1e-6 * orders_without_dropout, false
        )
    )
    or (
        orders_model <> 'nbd'
        and not coalesce(abs(p_alive - alive) <= 1e-6, false)
    )
