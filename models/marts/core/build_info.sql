with as_of as (

    select * from {{ ref("int_as_of") }}

),

rules as (

    select currency from {{ ref("stg_shop__rules") }}

),

scoring_model as (

    select max(model) as churn_scoring_model
    from {{ ref("ml_churn_model_selection") }}
    where is_chosen

),

horizon as (

    select
        max(chosen_horizon_days) as churn_horizon_days,
        max(published_horizon_days) as published_horizon_days
    from {{ ref("int_churn_horizon") }}

),

records as (

    select
        coalesce(sum(records), 0) as rows_in,
        coalesce(sum(case when invoice_date is null then records end), 0)
            as rows_quarantined,
        count(distinct case when records > 0 then load_number end) as loads
    from {{ ref("int_invoice_days") }}

)

-- Version, time and tests are filled in when the marts are published.
select
    cast(null as string) as version,
    cast(null as timestamp) as built_at,
    as_of.as_of_date,
    as_of.first_invoice_date,
    as_of.last_invoice_date,
    cast(rules.currency as string) as currency,
    cast('{{ var("cleaning_policy") }}' as string) as cleaning_policy,
    cast(scoring_model.churn_scoring_model as string) as churn_scoring_model,
    cast(horizon.churn_horizon_days as integer) as churn_horizon_days,
    cast(case
        when horizon.published_horizon_days <> horizon.churn_horizon_days
            then horizon.published_horizon_days
    end as integer) as previous_churn_horizon_days,
    cast(6 as integer) as schema_version,
    cast(records.loads as integer) as loads,
    cast(records.rows_in as bigint) as rows_in,
    cast(records.rows_quarantined as bigint) as rows_quarantined,
    cast(null as integer) as tests_passed
from as_of
cross join rules
cross join scoring_model
cross join horizon
cross join records
