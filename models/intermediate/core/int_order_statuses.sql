{{ config(materialized=table_of_lines()) }}
-- Each word is looked up once. The shop's own meaning comes before the common one.
with order_statuses as (

    select distinct order_status
    from {{ ref("stg_retail__invoice_lines") }}
    where
        order_status is not null
        {% if is_incremental() %}
            and load_number > {{ last_load_read() }}
            and order_status not in (select this.order_status from {{ this }} as this)
        {% endif %}

),

words as (

    select
        order_status,
        {{ split_words("order_status") }} as status_word
    from order_statuses

),

plain_words as (

    select
        order_status,
        {{ plain_word("status_word") }} as status_word
    from words

),

own_words as (

    select * from {{ ref("stg_shop__statuses") }}

),

common_words as (

    select * from {{ ref("order_status_words") }}

),

meanings as (

    select
        plain_words.order_status,
        coalesce(own_words.status_class, common_words.status_class) as status_class
    from plain_words
    left join own_words on plain_words.status_word = own_words.status_word
    left join common_words
        on plain_words.status_word = common_words.status_word

),

-- One word against the order decides, whatever the other words say.
ranked as (

    select
        order_status,
        min(
            case status_class
                when 'test' then 1
                when 'cancelled' then 2
                when 'refunded' then 3
                when 'pending' then 4
                when 'counts' then 5
                else 6
            end
        ) as meaning_rank
    from meanings
    group by order_status

)

select
    order_status,
    case meaning_rank
        when 1 then 'test'
        when 2 then 'cancelled'
        when 3 then 'refunded'
        when 4 then 'pending'
        when 5 then 'counts'
        else 'unknown'
    end as status_class
from ranked
