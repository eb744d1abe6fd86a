-- Negative lines with a price that are no cancellations by their invoice number are
-- returns that the rules do not know: see the var cancellation_prefix.
select *
from {{ ref("rpt_line_dispositions") }}
where disposition = 'stock_write_off' and amount <> 0
