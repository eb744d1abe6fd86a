with features as (

    select * from {{ ref("int_customer_features") }}

),

cutoffs as (

    select * from {{ ref("int_churn_cutoffs") }}
    where example_set <> 'year_ago'

),

-- Fits and the evidence of the past rest on these customers.
sampled_customers as (

    {{ draw_customers("features", 40000) }}

),

purchase_days as (

    select
        customer_id,
        activity_date
    from {{ ref("int_customer_days") }}
    where has_purchase

),

returning_customers as (

    select distinct
        cutoffs.cutoff_date,
        purchase_days.customer_id
    from cutoffs
    inner join purchase_days
        on
            cutoffs.cutoff_date <= purchase_days.activity_date
            and cutoffs.label_end_date > purchase_days.activity_date

)

select
    features.*,
    cutoffs.example_set,
    cutoffs.horizon_days,
    features.days_since_last_order <= 90 as is_active_90d,
    sampled_customers.customer_id is not null as is_sampled,
    case
        when cutoffs.example_set = 'current' then null
        else returning_customers.customer_id is null
    end as has_churned
from features
inner join cutoffs on features.cutoff_date = cutoffs.cutoff_date
left join sampled_customers on features.customer_id = sampled_customers.customer_id
left join returning_customers
    on
        features.customer_id = returning_customers.customer_id
        and features.cutoff_date = returning_customers.cutoff_date
