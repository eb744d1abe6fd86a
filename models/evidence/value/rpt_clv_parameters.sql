with parameters as (

    select * from {{ ref("ml_clv_parameters") }}

),

-- Cutoffs that only choose and calibrate forecasts are left out.
published_cutoffs as (

    select distinct cutoff_date
    from {{ ref("int_btyd_summary") }}
    where example_set in ('current', 'test')

)

select
    cast(cutoff_date as date) as cutoff_date,
    cast(model as string) as model,
    cast(parameter as string) as parameter,
    cast(estimate as double) as estimate,
    cast(standard_error as double) as standard_error,
    cast(log_likelihood as double) as log_likelihood,
    cast(is_used as boolean) as is_used,
    cast(model_status as string) as model_status,
    cast(fitted_customers as bigint) as fitted_customers
from parameters
where
    cast(cutoff_date as date) in (
        select published_cutoffs.cutoff_date
        from published_cutoffs
    )
