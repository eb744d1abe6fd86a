with as_of as (

    select * from {{ ref("int_as_of") }}

),

-- 32,768 days are 89 years.
numbers as (

    {{ integer_series(32768) }}

),

days as (

    select
        {{ add_days("numbers.generated_number - 1", "as_of.first_invoice_date") }}
            as date_day,
        as_of.as_of_date
    from as_of
    cross join numbers

),

bounded as (

    select
        date_day,
        date_day = as_of_date as is_as_of_date,
        {{ add_days("1", "date_day") }} as next_day
    from days
    where date_day <= as_of_date

)

select
    date_day,
    is_as_of_date,
    extract(month from next_day) <> extract(month from date_day) as is_month_end
from bounded
