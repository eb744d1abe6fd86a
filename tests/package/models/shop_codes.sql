-- Tried by rank. The last one holds for every code.
with codes (code_rule_rank, stock_code, code_pattern, stock_code_class) as (
    values
    (1, 'POST', null, 'shipping'),
    (2, 'C2', null, 'shipping'),
    (3, 'D', null, 'discount'),
    (4, 'M', null, 'manual_adjustment'),
    (5, 'CRUK', null, 'fee'),
    (6, 'BANK CHARGES', null, 'fee'),
    (7, 'PADS', null, 'accessory'),
    (8, null, '^([0-9]{5}[A-Z]{0,2}|DCGS.*)$', 'product'),
    (9, null, '', 'unclassified')
)

select * from codes
