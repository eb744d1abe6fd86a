{%- set kpis = [
    ("customers", "customers", "customers", "null"),
    ("active_customers_90d", "customers", "active_customers_90d",
        "previous_active_customers"),
    ("net_revenue", "currency", "all_net_revenue", "null"),
    ("customer_net_revenue", "currency", "net_revenue", "null"),
    ("customer_net_revenue_90d", "currency", "net_revenue_90d", "previous_net_revenue"),
    ("anonymous_revenue_share", "share",
        share_of("net_revenue_anonymous", "all_net_revenue"), "null"),
    ("revenue_per_customer", "currency",
        "net_revenue * 1e0 / nullif(customers, 0)", "null"),
    ("average_order_value", "currency",
        "net_revenue * 1e0 / nullif(orders, 0)", "null"),
    ("repeat_rate", "share", proportion("repeat_customers", "customers"), "null"),
    ("returned_share", "share",
        "returned_amount * 1e0 / nullif(gross_revenue, 0)", "null"),
    ("observed_churn_rate", "share", "observed_churn_rate", "null"),
    ("expected_churn_rate", "share", "expected_churn_rate", "null"),
    ("value_at_risk", "currency", "value_at_risk", "null"),
] -%}
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
        coalesce(sum(net_revenue), 0) as all_net_revenue,
        coalesce(sum(net_revenue_anonymous), 0) as net_revenue_anonymous
    from monthly_revenue

),

figures as (

    select
        totals.*,
        revenue.*,
        backtest.*,
        as_of.as_of_date,
        case when as_of.has_previous_period then previous_period.active_customers end
            as previous_active_customers,
        case when as_of.has_previous_period then previous_period.net_revenue end
            as previous_net_revenue
    from totals
    cross join revenue
    cross join backtest
    cross join previous_period
    cross join as_of

),

kpis as (

    {% for kpi, unit, value, previous_value in kpis -%}
        select
            {{ loop.index }} as kpi_order,
            '{{ kpi }}' as kpi,
            '{{ unit }}' as unit,
            {{ value }} as value,
            {{ previous_value }} as previous_value,
            case
                when '{{ kpi }}' = 'observed_churn_rate' then cutoff_date
                else as_of_date
            end as as_of_date
        from figures
        {{ "union all" if not loop.last }}
    {% endfor %}

),

definitions as (

    {{ metric_definitions() }}

)

select
    cast(kpis.kpi as string) as kpi,
    cast(kpis.kpi_order as integer) as kpi_order,
    cast(kpis.unit as string) as unit,
    {{ as_decimal("kpis.value") }} as value,
    {{ as_decimal("kpis.previous_value") }} as previous_value,
    kpis.as_of_date,
    cast(definitions.definition as string) as definition
from kpis
left join definitions on kpis.kpi = definitions.kpi
