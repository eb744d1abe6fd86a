with cutoff as (

    select
        cutoffs.cutoff_date,
        cutoffs.label_end_date,
        {{ add_days("-364", "cutoffs.cutoff_date") }} as year_before_date,
        {{ add_days("-364", "cutoffs.label_end_date") }} as year_before_end_date
    from {{ ref("int_churn_cutoffs") }} as cutoffs
    where cutoffs.example_set = 'test'

),

predictions as (

    select backtest.*
    from {{ ref("ml_churn_backtest") }} as backtest
    inner join {{ ref("ml_churn_model_selection") }} as selection
        on backtest.model = selection.model and selection.is_chosen

),

examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'test'

),

-- The window after the cutoff, and the same days 52 weeks before.
revenue as (

    select
        customer_days.customer_id,
        sum(
            case
                when customer_days.activity_date >= cutoff.cutoff_date
                    then customer_days.net_revenue
                else 0
            end
        ) as net_revenue_after,
        sum(
            case
                when customer_days.activity_date < cutoff.year_before_end_date
                    then customer_days.net_revenue
                else 0
            end
        ) as net_revenue_year_before
    from {{ ref("int_customer_days") }} as customer_days
    inner join cutoff
        on
            customer_days.activity_date >= cutoff.cutoff_date
            and customer_days.activity_date < cutoff.label_end_date
            or customer_days.activity_date >= cutoff.year_before_date
            and customer_days.activity_date < cutoff.year_before_end_date
    group by customer_days.customer_id

)

select
    predictions.customer_id,
    predictions.cutoff_date,
    predictions.has_churned,
    predictions.churn_probability,
    spend.spend_if_staying,
    predictions.churn_probability * spend.spend_if_staying as value_at_risk,
    examples.days_since_last_order,
    {{ stable_uniform("predictions.customer_id || '-random'") }} as random,
    -- Fifths by spending, of those who bought once and of the others.
    5 * case when examples.purchase_days > 1 then 1 else 0 end + cast(floor(
        5e0 * (rank() over (
            partition by examples.purchase_days > 1
            order by examples.net_revenue nulls last
        ) - 1) / count(*) over (partition by examples.purchase_days > 1)
    ) as integer) as comparable_group,
    cast(coalesce(revenue.net_revenue_after, 0) as decimal(38, 4)) as net_revenue_after,
    -- Null for those of whom the history does not know the year before.
    case
        when
            {{ add_days("-examples.tenure_days", "predictions.cutoff_date") }}
            < cutoff.year_before_date
            then cast(coalesce(revenue.net_revenue_year_before, 0) as decimal(38, 4))
    end as net_revenue_year_before
from predictions
inner join examples
    on
        predictions.customer_id = examples.customer_id
        and predictions.cutoff_date = examples.cutoff_date
inner join {{ ref("int_customer_spend") }} as spend
    on
        predictions.customer_id = spend.customer_id
        and predictions.cutoff_date = spend.cutoff_date
inner join cutoff on predictions.cutoff_date = cutoff.cutoff_date
left join revenue on predictions.customer_id = revenue.customer_id
