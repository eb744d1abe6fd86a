{#- A product needs so many customers, and so many who came back; a curve ends where
fewer are still followed. -#}
{%- set most_products = 500 -%}
{%- set fewest_customers = 50 -%}
{%- set fewest_returned = 20 -%}
{%- set fewest_followed = 20 -%}
{%- set longest_days = 365 -%}
{%- set to_here -%}
    over (
        partition by stock_code
        order by days_since_purchase nulls last
        rows between unbounded preceding and current row
    )
{%- endset -%}
with as_of as (

    select * from {{ ref("int_as_of") }}

),

-- From the first purchase to the second: one gap for each customer, so that those who
-- buy often do not decide. Who has not come back yet is followed to the as-of date.
gaps as (

    select
        repurchases.stock_code,
        repurchases.next_purchase_date is not null as has_returned,
        {{ day_difference(
            "repurchases.first_purchase_date",
            "coalesce(repurchases.next_purchase_date, as_of.as_of_date)"
        ) }} as days_since_purchase
    from {{ ref("int_product_repurchases") }} as repurchases
    cross join as_of

),

product_customers as (

    select
        stock_code,
        count(*) as customers,
        row_number() over (
            order by count(*) desc, stock_code asc nulls last
        ) as product_number
    from gaps
    group by stock_code
    having count(*) >= {{ fewest_customers }}

),

gap_days as (

    select
        stock_code,
        days_since_purchase,
        count(*) as customers,
        count(case when has_returned then 1 end) as returned_customers
    from gaps
    group by stock_code, days_since_purchase

),

followed as (

    select
        gap_days.stock_code,
        gap_days.days_since_purchase,
        gap_days.returned_customers,
        product_customers.customers,
        sum(gap_days.customers) over (
            partition by gap_days.stock_code
            order by gap_days.days_since_purchase desc
            rows between unbounded preceding and current row
        ) as followed_customers
    from gap_days
    inner join product_customers on gap_days.stock_code = product_customers.stock_code
    where product_customers.product_number <= {{ most_products }}

),

-- Half a customer who stays away keeps the logarithm finite where all came back.
kept as (

    select
        *,
        least(returned_customers, followed_customers - 5e-1) as returned
    from followed
    where
        followed_customers >= {{ fewest_followed }}
        and days_since_purchase between 1 and {{ longest_days }}

),

-- Kaplan and Meier (1958), with the variance of Greenwood (1926).
steps as (

    select
        *,
        sum(ln(1 - returned * 1e0 / followed_customers)) {{ to_here }} as log_away,
        sum(
            returned * 1e0 / (followed_customers * (followed_customers - returned))
        ) {{ to_here }} as variance,
        max(days_since_purchase) over (partition by stock_code) as followed_days,
        sum(returned_customers) over (partition by stock_code) as all_returned
    from kept

),

-- On the scale of log(-log), on which the interval stays between 0 and 1.
curves as (

    select
        *,
        exp(1.959964 * sqrt(variance) / log_away) as narrowed
    from steps
    where returned_customers > 0 and all_returned >= {{ fewest_returned }}

)

select
    cast(stock_code as string) as stock_code,
    cast(days_since_purchase as integer) as days_since_purchase,
    cast(customers as bigint) as customers,
    cast(followed_customers as bigint) as followed_customers,
    cast(returned_customers as bigint) as returned_customers,
    {{ round_to("1 - exp(log_away)", 6) }} as repurchase_rate,
    {{ round_to("1 - exp(log_away * narrowed)", 6) }} as ci_low,
    {{ round_to("1 - exp(log_away * 1e0 / narrowed)", 6) }} as ci_high,
    cast(followed_days as integer) as followed_days
from curves
