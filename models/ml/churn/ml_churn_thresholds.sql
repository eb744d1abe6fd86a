with predictions as (

    select * from {{ ref("ml_churn_predictions") }}
    where example_set = 'validation' and churn_probability is not null

),

examples as (

    select * from {{ ref("int_churn_examples") }}
    where example_set = 'train'

),

-- What an offer to each customer would have brought: the margin of what a customer who
-- stays spends in a window, where it kept a churner, less what the offer costs.
profits as (

    select
        predictions.model,
        predictions.churn_probability,
        case when examples.has_churned then 1 else 0 end
        * {{ var("offer_response_rate") }} * {{ var("offer_margin") }}
        * spend.spend_if_staying - {{ var("offer_cost") }} as profit
    from predictions
    inner join examples
        on
            predictions.customer_id = examples.customer_id
            and cast(predictions.cutoff_date as date) = examples.cutoff_date
    inner join {{ ref("int_customer_spend") }} as spend
        on
            examples.customer_id = spend.customer_id
            and examples.cutoff_date = spend.cutoff_date

),

score_profits as (

    select
        model,
        churn_probability,
        sum(profit) as profit
    from profits
    group by model, churn_probability

),

cumulated as (

    select
        model,
        churn_probability,
        sum(profit) over (
            partition by model
            order by churn_probability desc
            rows between unbounded preceding and current row
        ) as profit
    from score_profits

),

ranked as (

    select
        *,
        row_number() over (
            partition by model order by profit desc, churn_probability desc
        ) as profit_rank
    from cumulated

)

-- Where no offer pays, nobody reaches a threshold above 1.
select
    model,
    case when profit > 0 then churn_probability else 2 end as profit_optimal_threshold
from ranked
where profit_rank = 1
