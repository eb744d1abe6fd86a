with selection as (

    select * from {{ ref("ml_clv_selection") }}

)

select
    cast(cutoff_date as date) as cutoff_date,
    cast(target as string) as target,
    cast(horizon_days as integer) as horizon_days,
    cast(forecast as string) as forecast,
    cast(is_chosen as boolean) as is_chosen,
    cast(earlier_cutoffs as integer) as earlier_cutoffs,
    cast(earlier_customers as bigint) as earlier_customers,
    cast({{ round_to("mae", 4) }} as double) as mae,
    cast({{ round_to("rmse", 4) }} as double) as rmse,
    cast({{ round_to("rank_correlation", 6) }} as double) as rank_correlation,
    cast(season_factor as double) as season_factor,
    cast(season_spread as double) as season_spread,
    cast(interval_method as string) as interval_method,
    cast({{ round_to("pinball_loss", 6) }} as double) as pinball_loss,
    cast(share_by_p10 as double) as share_by_p10,
    cast(share_by_p50 as double) as share_by_p50,
    cast(share_by_p90 as double) as share_by_p90
from selection
