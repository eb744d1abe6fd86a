with customers as (

    select * from {{ ref("int_customers_rfm") }}

),

orders as (

    select * from {{ ref("int_orders") }}
    where customer_id is not null

),

as_of as (

    select * from {{ ref("int_as_of") }}

),

horizon as (

    select max(chosen_horizon_days) as horizon_days
    from {{ ref("int_churn_horizon") }}

),

clusters as (

    select * from {{ ref("ml_customer_clusters") }}

),

-- The model that ranks customers is named once, in the project's variables.
current_churn as (

    select * from {{ ref("ml_churn_predictions") }}
    where
        example_set = 'current'
        and model = '{{ var("churn_scoring_model") }}'

),

latest_orders as (

    select
        customer_id,
        country,
        row_number() over (
            partition by customer_id order by ordered_at desc, order_id desc
        ) as order_recency
    from orders

),

combined as (

    select
        customers.*,
        horizon.horizon_days,
        latest_orders.country,
        clusters.cluster_id,
        clusters.cluster_name,
        current_churn.churn_probability,
        coalesce(current_churn.model_status, 'insufficient_data') as model_status,
        customers.first_order_date
        > {{ add_days("-" ~ (var("new_customer_days") | int), "as_of.as_of_date") }}
            as is_new,
        customers.first_order_date
        < {{ add_days("horizon.horizon_days", "as_of.first_invoice_date") }}
            as is_history_censored,
        {{ day_difference("customers.first_order_date", "as_of.as_of_date") }}
            as tenure_days
    from customers
    cross join as_of
    cross join horizon
    left join latest_orders
        on
            customers.customer_id = latest_orders.customer_id
            and latest_orders.order_recency = 1
    left join clusters on customers.customer_id = clusters.customer_id
    left join current_churn on customers.customer_id = current_churn.customer_id

)

select
    cast(customer_id as varchar) as customer_id,
    cast(country as varchar) as country,
    first_order_date,
    last_order_date,
    days_since_last_order,
    orders,
    gross_revenue,
    returned_amount,
    discount_amount,
    net_revenue,
    cast(net_revenue / nullif(orders, 0) as decimal(38, 4)) as average_order_value,
    cast(
        coalesce(
            (returned_amount - void_amount) / nullif(gross_revenue - void_amount, 0), 0
        ) as double
    ) as return_rate,
    r_score,
    f_score,
    m_score,
    cast(rfm_score as varchar) as rfm_score,
    cast(segment as varchar) as segment,
    is_new,
    is_history_censored,
    cast(cluster_id as integer) as cluster_id,
    cast(cluster_name as varchar) as cluster_name,
    cast(churn_probability as double) as churn_probability,
    cast(
        case
            when churn_probability is null then 'unknown'
            when churn_probability >= {{ var("churn_risk_high") }} then 'high'
            when churn_probability >= {{ var("churn_risk_medium") }} then 'medium'
            else 'low'
        end as varchar
    ) as churn_risk,
    -- What the customer has spent per window on average, times the chance to lose it.
    cast(
        churn_probability * greatest(net_revenue, 0) * horizon_days
        / greatest(
            least(tenure_days, {{ integer_var("rfm_window_days") }}), horizon_days
        ) as decimal(38, 4)
    ) as value_at_risk,
    cast(model_status as varchar) as model_status
from combined
