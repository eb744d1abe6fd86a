-- Of a day before the data nothing is known; of one long after it everything would look
-- lost. A month beyond the last invoice is allowed: shops close.
select *
from {{ ref("int_as_of") }}
where
    as_of_date < first_invoice_date
    or as_of_date > {{ add_days("31", "last_invoice_date") }}
