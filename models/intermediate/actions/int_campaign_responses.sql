{%- set needed = 100 -%}
with outcomes as (

    select * from {{ ref("int_campaign_outcomes") }}
    where is_over

),

counted as (

    select
        action,
        campaign,
        starts_on,
        count(case when not is_holdout then 1 end) as contacted_customers,
        count(case when not is_holdout and has_bought then 1 end) as contacted_buyers,
        count(case when is_holdout then 1 end) as held_out_customers,
        count(case when is_holdout and has_bought then 1 end) as held_out_buyers
    from outcomes
    group by action, campaign, starts_on

),

-- The response is one less the ratio of the shares who did not buy. Half a customer in
-- every cell keeps the logarithm and its variance finite.
ratios as (

    select
        *,
        ln(
            (contacted_customers - contacted_buyers + 5e-1)
            / (contacted_customers + 1e0)
        )
        - ln((held_out_customers - held_out_buyers + 5e-1) / (held_out_customers + 1e0))
            as log_ratio,
        1e0 / (contacted_customers - contacted_buyers + 5e-1)
        - 1e0 / (contacted_customers + 1e0)
        + 1e0 / (held_out_customers - held_out_buyers + 5e-1)
        - 1e0 / (held_out_customers + 1e0) as variance
    from counted
    where contacted_customers > 0 and held_out_customers > 0

),

fixed as (

    select
        action,
        count(*) as campaigns,
        sum(contacted_customers) as contacted_customers,
        sum(held_out_customers) as held_out_customers,
        sum(1e0 / variance) as weight,
        sum(1e0 / (variance * variance)) as square_weight,
        sum(log_ratio * 1e0 / variance) / sum(1e0 / variance) as log_ratio
    from ratios
    group by action

),

-- What campaigns differ by beyond chance (DerSimonian and Laird 1986).
heterogeneity as (

    select
        fixed.action,
        greatest(
            0.0,
            (
                sum(power(ratios.log_ratio - fixed.log_ratio, 2) / ratios.variance)
                - max(fixed.campaigns) + 1
            ) / nullif(max(fixed.weight - fixed.square_weight * 1e0 / fixed.weight), 0)
        ) as between_variance
    from ratios
    inner join fixed on ratios.action = fixed.action
    group by fixed.action

),

pooled as (

    select
        ratios.action,
        sum(ratios.log_ratio * 1e0 / (ratios.variance + heterogeneity.between_variance))
        / sum(1e0 / (ratios.variance + heterogeneity.between_variance)) as log_ratio,
        sqrt(1e0 / sum(1e0 / (ratios.variance + heterogeneity.between_variance)))
            as standard_error,
        sqrt(max(heterogeneity.between_variance)) as between_campaigns
    from ratios
    inner join heterogeneity on ratios.action = heterogeneity.action
    group by ratios.action

)

select
    fixed.action,
    cast(fixed.campaigns as bigint) as campaigns,
    cast(fixed.contacted_customers as bigint) as contacted_customers,
    cast(fixed.held_out_customers as bigint) as held_out_customers,
    {{ round_to("1 - exp(pooled.log_ratio)", 6) }} as response_rate,
    {{ round_to(
        "1 - exp(pooled.log_ratio + 1.959964 * pooled.standard_error)", 6
    ) }} as response_rate_low,
    {{ round_to(
        "1 - exp(pooled.log_ratio - 1.959964 * pooled.standard_error)", 6
    ) }} as response_rate_high,
    {{ round_to("pooled.between_campaigns", 6) }} as between_campaigns,
    case
        when least(fixed.contacted_customers, fixed.held_out_customers) >= {{ needed }}
            then greatest({{ round_to("1 - exp(pooled.log_ratio)", 6) }}, 0e0)
    end as list_response_rate
from fixed
inner join pooled on fixed.action = pooled.action
