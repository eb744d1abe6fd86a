{{ config(materialized=table_of_lines()) }}
-- Each distinct code is matched once: a pattern read from a column costs a hundred
-- times as much as a comparison.
with stock_codes as (

    select distinct stock_code
    from {{ ref("stg_retail__invoice_lines") }}
    {% if is_incremental() %}
        where
            load_number > {{ last_load_read() }}
            and stock_code not in (select this.stock_code from {{ this }} as this)
    {% endif %}

),

code_rules as (

    select * from {{ ref("stg_shop__codes") }}

),

matches as (

    select
        stock_codes.stock_code,
        code_rules.code_rule_rank,
        code_rules.stock_code_class,
        true as is_named
    from stock_codes
    inner join code_rules on stock_codes.stock_code = code_rules.stock_code
    union all
    select
        stock_codes.stock_code,
        code_rules.code_rule_rank,
        code_rules.stock_code_class,
        false as is_named
    from stock_codes
    inner join code_rules
        on
            code_rules.stock_code is null
            and {{ matches_pattern(
                "stock_codes.stock_code", "code_rules.code_pattern"
            ) }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by stock_code order by code_rule_rank nulls last
        ) as match_rank
    from matches

)

select
    stock_code,
    stock_code_class,
    is_named
from ranked
where match_rank = 1
