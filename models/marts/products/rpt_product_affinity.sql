with pairs as (

    select * from {{ ref("int_product_pairs") }}

),

products as (

    select
        stock_code,
        description
    from {{ ref("dim_products") }}

),

measured as (

    select
        *,
        {{ g_statistic(
            "customers_together", "customers", "other_customers", "all_customers",
            "expected_together"
        ) }} as g_statistic,
        {{ g_statistic(
            "later_customers_together", "later_customers", "later_other_customers",
            "all_later_customers", "later_expected_together"
        ) }} as later_g_statistic
    from pairs

),

-- Pairs that meet less often than expected, or too rarely to be listed, were tested:
-- they count with a p-value of 1.
tested as (

    select
        *,
        {{ chi_square_p_value("g_statistic") }} as p_value,
        {{ chi_square_p_value("later_g_statistic") }} as later_p_value
    from measured
    where customers_together > expected_together

),

ranked as (

    select
        *,
        row_number() over (
            order by
                p_value nulls last,
                stock_code nulls last,
                other_stock_code nulls last
        ) as p_value_rank
    from tested

),

controlled as (

    select
        *,
        {{ false_discovery_rate("p_value", "p_value_rank", "pairs_tested") }} as q_value
    from ranked

),

significant as (

    select
        *,
        later_customers_together > later_expected_together
        and later_p_value < 0.05 as is_confirmed
    from controlled
    where q_value <= 0.05

),

directions as (

    select
        stock_code,
        other_stock_code,
        customers,
        other_customers,
        later_customers,
        later_other_customers,
        customers_together,
        expected_together,
        all_customers,
        g_statistic,
        p_value,
        q_value,
        pairs_tested,
        later_period_start_date,
        all_later_customers,
        later_customers_together,
        later_expected_together,
        later_p_value,
        is_confirmed
    from significant
    union all
    select
        other_stock_code as stock_code,
        stock_code as other_stock_code,
        other_customers as customers,
        customers as other_customers,
        later_other_customers as later_customers,
        later_customers as later_other_customers,
        customers_together,
        expected_together,
        all_customers,
        g_statistic,
        p_value,
        q_value,
        pairs_tested,
        later_period_start_date,
        all_later_customers,
        later_customers_together,
        later_expected_together,
        later_p_value,
        is_confirmed
    from significant

),

-- The surest pair first: that finds products of later orders more often than lift or
-- confidence does.
ordered as (

    select
        *,
        row_number() over (
            partition by stock_code, is_confirmed
            order by
                g_statistic desc, customers_together desc,
                other_stock_code asc nulls last
        ) as strength_rank
    from directions

)

select
    ordered.stock_code,
    products.description,
    ordered.other_stock_code,
    other_products.description as other_description,
    cast(
        case when ordered.is_confirmed then ordered.strength_rank end as integer
    ) as affinity_rank,
    ordered.customers,
    ordered.customers_together,
    {{ proportion("ordered.customers_together", "ordered.all_customers") }}
        as support,
    {{ proportion("ordered.customers_together", "ordered.customers") }}
        as confidence,
    cast(
        ordered.customers_together * 1e0 * ordered.all_customers
        / (ordered.customers * ordered.other_customers) as double
    ) as lift,
    cast(
        ordered.customers_together * 1e0 / ordered.expected_together as double
    ) as range_adjusted_lift,
    cast(ordered.g_statistic as double) as g_statistic,
    cast(ordered.p_value as double) as p_value,
    cast(ordered.q_value as double) as q_value,
    ordered.pairs_tested,
    ordered.later_period_start_date,
    ordered.later_customers,
    ordered.later_customers_together,
    cast(
        ordered.later_customers_together * 1e0 * ordered.all_later_customers
        / nullif(ordered.later_customers * ordered.later_other_customers, 0) as double
    ) as later_lift,
    cast(
        ordered.later_customers_together * 1e0
        / nullif(ordered.later_expected_together, 0)
        as double
    ) as later_range_adjusted_lift,
    cast(ordered.later_p_value as double) as later_p_value,
    ordered.is_confirmed
from ordered
inner join products on ordered.stock_code = products.stock_code
inner join products as other_products
    on ordered.other_stock_code = other_products.stock_code
