{%- set horizons = [30, 60, 90, 180, 365] -%}
{%- set named_countries = 5 -%}
with customers as (

    select
        customer_id,
        country,
        first_order_date
    from {{ ref("dim_customers") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

as_of as (

    select as_of_date from {{ ref("int_as_of") }}

),

-- What was returned before the first order counts with it.
histories as (

    select
        customers.customer_id,
        {% for days in horizons -%}
            max(
                case
                    when
                        {{ add_days(days, "customers.first_order_date") }}
                        <= as_of.as_of_date
                        then 1
                    else 0
                end
            ) as is_over_{{ days }},
            max(
                case
                    when
                        customer_days.has_purchase
                        and customer_days.activity_date > customers.first_order_date
                        and customer_days.activity_date
                        <= {{ add_days(days, "customers.first_order_date") }}
                        then 1
                    else 0
                end
            ) as has_returned_{{ days }},
            sum(
                case
                    when
                        customer_days.activity_date
                        <= {{ add_days(days, "customers.first_order_date") }}
                        then customer_days.net_revenue
                    else 0
                end
            ) as net_revenue_{{ days }},
        {% endfor -%}
        sum(
            case
                when customer_days.activity_date = customers.first_order_date
                    then customer_days.gross_revenue
                else 0
            end
        ) as first_amount,
        max(
            case
                when
                    customer_days.activity_date = customers.first_order_date
                    and customer_days.discount_amount <> 0
                    then 1
                else 0
            end
        ) as is_discounted
    from customers
    inner join customer_days on customers.customer_id = customer_days.customer_id
    cross join as_of
    group by customers.customer_id

),

countries as (

    select
        country,
        row_number() over (order by count(*) desc, country nulls last) as country_rank
    from customers
    where country is not null
    group by country

),

thirds as (

    select
        {{ continuous_quantile("first_amount", "1e0 / 3") }} as lower_third,
        {{ continuous_quantile("first_amount", "2e0 / 3") }} as upper_third
    from histories

),

described as (

    select
        histories.*,
        case
            when customers.country is null then {{ named_countries + 2 }}
            when countries.country_rank <= {{ named_countries }}
                then countries.country_rank
            else {{ named_countries + 1 }}
        end as country_rank,
        case
            when customers.country is null then 'Unknown'
            when countries.country_rank <= {{ named_countries }}
                then customers.country
            else 'Other countries'
        end as country_group,
        case
            when histories.first_amount > thirds.upper_third then 1
            when histories.first_amount > thirds.lower_third then 2
            else 3
        end as size_rank
    from histories
    inner join customers on histories.customer_id = customers.customer_id
    left join countries on customers.country = countries.country
    cross join thirds

),

attributes as (

    select
        'country' as attribute,
        country_rank as group_rank,
        country_group as group_name,
        *
    from described
    union all
    select
        'size' as attribute,
        size_rank as group_rank,
        case size_rank
            when 1 then 'Largest third'
            when 2 then 'Middle third'
            else 'Smallest third'
        end as group_name,
        *
    from described
    union all
    select
        'discount' as attribute,
        2 - is_discounted as group_rank,
        case is_discounted
            when 1 then 'With a discount'
            else 'Without a discount'
        end as group_name,
        *
    from described

),

horizons as (

    {% for days in horizons -%}
        select
            attribute,
            group_rank,
            group_name,
            {{ days }} as horizon_days,
            count(*) as customers,
            sum(is_over_{{ days }}) as observed_customers,
            sum(is_over_{{ days }} * has_returned_{{ days }}) as returned_customers,
            sum(is_over_{{ days }} * net_revenue_{{ days }}) as net_revenue
        from attributes
        group by attribute, group_rank, group_name
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    cast(attribute as string) as attribute,
    cast(group_name as string) as group_name,
    cast(group_rank as integer) as group_rank,
    cast(horizon_days as integer) as horizon_days,
    cast(customers as bigint) as customers,
    cast(observed_customers as bigint) as observed_customers,
    cast(returned_customers as bigint) as returned_customers,
    {{ proportion("returned_customers", "observed_customers") }} as return_rate,
    cast(net_revenue as decimal(38, 4)) as net_revenue,
    {{ as_decimal("net_revenue * 1e0 / nullif(observed_customers, 0)") }}
        as net_revenue_per_customer
from horizons
