-- Negative lines with a price that are no cancellations by their invoice number are
-- returns that the rules do not know: see cancellation_prefix and
-- negative_lines_are_returns in shop.yml.
select *
from {{ ref("rpt_line_dispositions") }}
where disposition = 'stock_write_off' and amount <> 0
