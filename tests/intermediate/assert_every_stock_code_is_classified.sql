-- Where shop.yml has a pattern of merchandise, a code that no rule knows has no meaning
-- yet: name it under codes, or widen product_code_pattern.
select
    stock_code,
    sum(lines) as lines,
    sum(amount) as amount
from {{ ref("int_product_amounts") }}
where stock_code_class = 'unclassified'
group by stock_code
