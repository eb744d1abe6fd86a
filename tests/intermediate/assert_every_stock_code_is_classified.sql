-- A code that is neither merchandise by its pattern nor in the seed has no meaning yet:
-- add it to seeds/stock_code_classes.csv, or widen the var product_code_pattern.
select
    stock_code,
    count(*) as lines,
    sum(line_amount) as amount
from {{ ref("int_invoice_lines_classified") }}
where stock_code_class = 'unclassified'
group by stock_code
