with dates as (

    select * from {{ ref("int_dates") }}

),

trading_days as (

    select distinct order_date from {{ ref("int_orders") }}

)

select
    dates.date_day,
    cast({{ dbt.date_trunc("month", "dates.date_day") }} as date) as month_start_date,
    cast(extract(year from dates.date_day) as integer) as calendar_year,
    cast(extract(month from dates.date_day) as integer) as calendar_month,
    dates.is_month_end,
    dates.is_as_of_date,
    trading_days.order_date is not null as is_trading_day
from dates
left join trading_days on dates.date_day = trading_days.order_date
