-- The label of a training cutoff must be known before the test cutoff, and the label of
-- the test cutoff before today.
select
    earlier.cutoff_date,
    later.cutoff_date as later_cutoff_date
from {{ ref("int_churn_cutoffs") }} as earlier
inner join {{ ref("int_churn_cutoffs") }} as later
    on
        (earlier.example_set = 'train' and later.example_set = 'test')
        or (earlier.example_set = 'test' and later.example_set = 'current')
where earlier.label_end_date > later.cutoff_date
