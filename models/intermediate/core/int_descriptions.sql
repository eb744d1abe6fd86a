{{ config(materialized=table_of_lines()) }}
-- Each distinct text is matched once, as int_stock_codes does with codes.
with descriptions as (

    select distinct description
    from {{ ref("stg_retail__invoice_lines") }}
    where
        description is not null
        {% if is_incremental() %}
            and load_number > {{ last_load_read() }}
            and description not in (select this.description from {{ this }} as this)
        {% endif %}

),

description_rules as (

    select * from {{ ref("stg_shop__descriptions") }}

),

matches as (

    select
        descriptions.description,
        description_rules.stock_code_class,
        row_number() over (
            partition by descriptions.description
            order by description_rules.description_rule_rank nulls last
        ) as match_rank
    from descriptions
    inner join description_rules
        on {{ matches_pattern(
            "descriptions.description", "description_rules.description_pattern"
        ) }}

)

select
    description,
    stock_code_class
from matches
where match_rank = 1
