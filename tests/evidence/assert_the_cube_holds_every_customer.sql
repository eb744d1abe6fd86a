-- By segment, churn risk and cluster the cube holds the customers of dim_customers and
-- every penny of theirs, spent, predicted and at risk.
with cube as (

    select
        segment,
        churn_risk,
        cluster_id,
        sum(customers) as customers,
        sum(orders) as orders,
        sum(net_revenue) as net_revenue,
        sum(scored_customers) as scored_customers,
        sum(expected_leavers) as expected_leavers,
        sum(value_at_risk) as value_at_risk,
        sum(predicted_value_90d) as predicted_value_90d,
        sum(predicted_value_365d) as predicted_value_365d
    from {{ ref("customer_cube") }}
    group by segment, churn_risk, cluster_id

),

customers as (

    select
        segment,
        churn_risk,
        coalesce(cluster_id, -1) as cluster_id,
        count(*) as customers,
        sum(orders) as orders,
        sum(net_revenue) as net_revenue,
        count(churn_probability) as scored_customers,
        sum({{ as_decimal("churn_probability", 38, 12) }}) as expected_leavers,
        sum(value_at_risk) as value_at_risk,
        sum(predicted_value_90d) as predicted_value_90d,
        sum(predicted_value_365d) as predicted_value_365d
    from {{ ref("dim_customers") }}
    group by segment, churn_risk, coalesce(cluster_id, -1)

),

only_in_the_cube as (

    select * from cube
    except
    select * from customers

),

only_in_dim_customers as (

    select * from customers
    except
    select * from cube

)

select * from only_in_the_cube
union all
select * from only_in_dim_customers
