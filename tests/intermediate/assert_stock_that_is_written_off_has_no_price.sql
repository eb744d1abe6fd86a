-- Negative lines with a price that are no cancellations by their invoice number are
-- returns that the rules do not know: see the vars cancellation_prefix and
-- negative_lines_are_returns.
select *
from {{ ref("rpt_line_dispositions") }}
where disposition = 'stock_write_off' and amount <> 0
