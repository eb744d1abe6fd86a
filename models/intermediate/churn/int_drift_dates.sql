with cutoffs as (

    select * from {{ ref("int_churn_cutoffs") }}

)

-- The same season a year before where the data hold it, else the customers of the test.
select
    max(case when example_set = 'current' then cutoff_date end) as compared_date,
    coalesce(
        max(case when example_set = 'year_ago' then cutoff_date end),
        max(case when example_set = 'test' then cutoff_date end)
    ) as reference_date
from cutoffs
having max(case when example_set = 'current' then cutoff_date end) is not null
