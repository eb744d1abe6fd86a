with stated as (

    select
        customer_id,
        consent_word,
        invoiced_at
    from {{ ref("stg_retail__invoice_lines") }}
    where customer_id is not null and consent_word is not null

),

words as (

    select * from {{ ref("consent_words") }}

),

listed as (

    select customer_id from {{ ref("stg_shop__do_not_contact") }}

),

-- An unknown word is no permission; some words mean no answer. A refusal counts even if
-- its day cannot be read.
read as (

    select
        stated.customer_id,
        stated.consent_word,
        stated.invoiced_at,
        words.consent_word is not null as is_known,
        coalesce(words.is_accepted, false) as is_accepted
    from stated
    left join words on stated.consent_word = words.consent_word
    where
        (words.consent_word is null or words.is_accepted is not null)
        and (stated.invoiced_at is not null or not coalesce(words.is_accepted, false))

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by
                invoiced_at desc nulls first,
                is_accepted asc nulls last,
                is_known desc,
                consent_word asc nulls last
        ) as recency_rank
    from read

),

latest as (

    select * from ranked
    where recency_rank = 1

),

customers as (

    select customer_id from latest
    union distinct
    select customer_id from listed

)

select
    customers.customer_id,
    latest.consent_word,
    listed.customer_id is null and coalesce(latest.is_accepted, true)
        as may_be_contacted,
    cast(
        case
            when listed.customer_id is not null then 'do_not_contact'
            when not latest.is_known then 'unknown_word'
            when not latest.is_accepted then 'consent'
        end as string
    ) as contact_refusal
from customers
left join latest on customers.customer_id = latest.customer_id
left join listed on customers.customer_id = listed.customer_id
