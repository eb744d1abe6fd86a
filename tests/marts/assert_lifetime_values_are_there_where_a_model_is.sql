-- Every customer has one prediction of today; it is null where there is no model and
-- nowhere else, and P(alive) is there only where dropout is; low is never above high.
with customers as (

    select * from {{ ref("dim_customers") }}

),

predicted_customers as (

    select predictions.customer_id
    from {{ ref("ml_clv_predictions") }} as predictions
    inner join {{ ref("int_as_of") }} as as_of
        on
            cast(predictions.cutoff_date as date)
            = {{ add_days("1", "as_of.as_of_date") }}

)

select coalesce(customers.customer_id, predicted_customers.customer_id) as customer_id
from customers
full outer join predicted_customers
    on customers.customer_id = predicted_customers.customer_id
where
    customers.customer_id is null
    or predicted_customers.customer_id is null
    or (customers.p_alive is null) <> (customers.clv_model_status <> 'ok')
    {%- for column in (
        "predicted_purchase_days_90d", "predicted_value_90d", "predicted_value_90d_low",
        "predicted_value_90d_high", "predicted_value_365d", "predicted_value_365d_low",
        "predicted_value_365d_high",
    ) %}
        or (customers.{{ column }} is null)
        <> (customers.clv_model_status = 'insufficient_data')
    {%- endfor %}
    or customers.predicted_value_90d_low > customers.predicted_value_90d_high
    or customers.predicted_value_365d_low > customers.predicted_value_365d_high
