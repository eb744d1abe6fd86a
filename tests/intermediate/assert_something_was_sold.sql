{{ config(severity="warn") }}
-- A shop without a single sale is possible, but rules that do not fit it are likelier:
-- see the rules of the shop (shop.yml): patterns, prefixes and signs.
select sum(lines) as lines
from {{ ref("rpt_line_dispositions") }}
having
    sum(lines) > 0
    and count(case when disposition in ('sale', 'sale_anonymous') then 1 end) = 0
