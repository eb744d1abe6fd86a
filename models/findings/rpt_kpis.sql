with customers as (

    select * from {{ ref("dim_customers") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

monthly_revenue as (

    select * from {{ ref("rpt_monthly_revenue") }}

),

as_of as (

    select
        as_of_date,
        {{ add_days("-90", "as_of_date") }} as period_start_date,
        {{ add_days("-180", "as_of_date") }} as previous_period_start_date,
        {{ add_days("-180", "as_of_date") }} >= first_invoice_date
            as has_previous_period
    from {{ ref("int_as_of") }}

),

backtest as (

    select
        max(case when metric = 'churn_rate' then value end) as observed_churn_rate,
        max(cutoff_date) as cutoff_date
    from {{ ref("rpt_churn_metrics") }}
    where population = 'all_known'

),

-- The 90 days before the last 90, of the same customers.
previous_period as (

    select
        count(distinct case
            when customer_days.has_purchase then customer_days.customer_id
        end) as active_customers,
        coalesce(sum(customer_days.net_revenue), 0) as net_revenue
    from customer_days
    inner join customers on customer_days.customer_id = customers.customer_id
    inner join as_of
        on
            customer_days.activity_date <= as_of.period_start_date
            and customer_days.activity_date > as_of.previous_period_start_date

),

covered_period as (

    select
        case when as_of.has_previous_period then previous_period.active_customers end
            as active_customers,
        case when as_of.has_previous_period then previous_period.net_revenue end
            as net_revenue
    from previous_period
    cross join as_of

),

totals as (

    select
        count(*) as customers,
        count(case when is_active_90d then 1 end) as active_customers_90d,
        coalesce(sum(net_revenue), 0) as net_revenue,
        coalesce(sum(net_revenue_90d), 0) as net_revenue_90d,
        sum(orders) as orders,
        sum(case when purchase_days > 1 then 1 else 0 end) as repeat_customers,
        sum(returned_amount) as returned_amount,
        sum(gross_revenue) as gross_revenue,
        {{ within("avg(churn_probability)", "0.0", "1.0") }}
            as expected_churn_rate,
        sum(value_at_risk) as value_at_risk
    from customers

),

revenue as (

    select
        coalesce(sum(net_revenue), 0) as net_revenue,
        coalesce(sum(net_revenue_anonymous), 0) as net_revenue_anonymous
    from monthly_revenue

),

kpis as (

    select
        1 as kpi_order,
        'customers' as kpi,
        'customers' as unit,
        totals.customers as value,
        null as previous_value
    from totals
    union all
    select
        2 as kpi_order,
        'active_customers_90d' as kpi,
        'customers' as unit,
        totals.active_customers_90d as value,
        covered_period.active_customers as previous_value
    from totals
    cross join covered_period
    union all
    select
        3 as kpi_order,
        'net_revenue' as kpi,
        'currency' as unit,
        net_revenue as value,
        null as previous_value
    from revenue
    union all
    select
        4 as kpi_order,
        'customer_net_revenue' as kpi,
        'currency' as unit,
        net_revenue as value,
        null as previous_value
    from totals
    union all
    select
        5 as kpi_order,
        'customer_net_revenue_90d' as kpi,
        'currency' as unit,
        totals.net_revenue_90d as value,
        covered_period.net_revenue as previous_value
    from totals
    cross join covered_period
    union all
    select
        6 as kpi_order,
        'anonymous_revenue_share' as kpi,
        'share' as unit,
        {{ share_of("net_revenue_anonymous", "net_revenue") }} as value,
        null as previous_value
    from revenue
    union all
    select
        7 as kpi_order,
        'revenue_per_customer' as kpi,
        'currency' as unit,
        net_revenue / nullif(customers, 0) as value,
        null as previous_value
    from totals
    union all
    select
        8 as kpi_order,
        'average_order_value' as kpi,
        'currency' as unit,
        net_revenue / nullif(orders, 0) as value,
        null as previous_value
    from totals
    union all
    select
        9 as kpi_order,
        'repeat_rate' as kpi,
        'share' as unit,
        {{ proportion("repeat_customers", "customers") }} as value,
        null as previous_value
    from totals
    union all
    select
        10 as kpi_order,
        'returned_share' as kpi,
        'share' as unit,
        returned_amount / nullif(gross_revenue, 0) as value,
        null as previous_value
    from totals
    union all
    select
        11 as kpi_order,
        'observed_churn_rate' as kpi,
        'share' as unit,
        observed_churn_rate as value,
        null as previous_value
    from backtest
    union all
    select
        12 as kpi_order,
        'expected_churn_rate' as kpi,
        'share' as unit,
        expected_churn_rate as value,
        null as previous_value
    from totals
    union all
    select
        13 as kpi_order,
        'value_at_risk' as kpi,
        'currency' as unit,
        value_at_risk as value,
        null as previous_value
    from totals

),

definitions as (

    {{ metric_definitions() }}

)

select
    cast(kpis.kpi as varchar) as kpi,
    cast(kpis.kpi_order as integer) as kpi_order,
    cast(kpis.unit as varchar) as unit,
    cast(kpis.value as decimal(38, 4)) as value,
    cast(kpis.previous_value as decimal(38, 4)) as previous_value,
    case
        when kpis.kpi = 'observed_churn_rate' then backtest.cutoff_date
        else as_of.as_of_date
    end as as_of_date,
    cast(definitions.definition as varchar) as definition
from kpis
cross join as_of
cross join backtest
left join definitions on kpis.kpi = definitions.kpi
