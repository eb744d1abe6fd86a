{#- What a return takes back, the surest first. A return with the invoice number of its
    sale is of that sale, whatever else the customer has bought of the product since. For
    the same quantity and the same money a whole line is taken back. -#}
{%- set tiers = [
    ("own_line_matches", "exact_line", ["quantity", "amount", "invoice_no"]),
    ("own_price_matches", "same_price", ["unit_price", "invoice_no"]),
    ("exact_line_matches", "exact_line", ["quantity", "amount"]),
    ("same_price_matches", "same_price", ["unit_price"]),
    ("any_price_matches", "any_price", []),
] -%}
{{ config(
    materialized=table_of_lines(),
    pre_hook="{{ forget_changed(['customer_id']) }}",
) }}
{%- set queries = {} -%}
-- Units that the source states as refunded cannot be returned again.
{% set refunds -%}
    select
        line_id,
        refunded_line_id,
        customer_id,
        invoice_no,
        invoice_date,
        -quantity as quantity,
        -line_amount as amount
    from {{ ref("int_invoice_lines_classified") }}
    where disposition = 'refund' and {{ of_changed(["customer_id"]) }}
{%- endset -%}
-- Only products that the customer returned at least once need matching.
{% set events -%}
    with returned_products as (

        select distinct
            customer_id,
            stock_code
        from {{ ref("int_invoice_lines_classified") }}
        where disposition = 'return' and {{ of_changed(["customer_id"]) }}

    ),

    lines_of_returned_products as (

        select classified_lines.*
        from {{ ref("int_invoice_lines_classified") }} as classified_lines
        inner join returned_products
            on
                classified_lines.customer_id = returned_products.customer_id
                and classified_lines.stock_code = returned_products.stock_code
        where classified_lines.disposition in ('sale', 'return')

    )

    select
        traded_lines.line_id,
        row_number() over (
            partition by traded_lines.customer_id, traded_lines.stock_code
            order by
                traded_lines.invoiced_at nulls last,
                traded_lines.disposition = 'return' nulls last,
                traded_lines.line_id nulls last
        ) as event_number,
        traded_lines.disposition = 'return' as is_return,
        traded_lines.customer_id,
        traded_lines.stock_code,
        traded_lines.unit_price,
        abs(traded_lines.quantity) - coalesce(refunds.quantity, 0) as quantity,
        abs(traded_lines.line_amount) - coalesce(refunds.amount, 0) as amount,
        traded_lines.invoice_no,
        traded_lines.invoice_date
    from lines_of_returned_products as traded_lines
    left join refunds on traded_lines.line_id = refunds.refunded_line_id
    where abs(traded_lines.quantity) > coalesce(refunds.quantity, 0)
{%- endset -%}
{%- do queries.update({"refunds": refunds, "events": events}) -%}
{%- for name, match_tier, keys in tiers -%}
    {%- set matched -%}
    select
        *,
        '{{ match_tier }}' as match_tier
    from {{ match_last_in_first_out(
        units_left(
            "events",
            tiers[:loop.index0] | map("first"),
            whole_lines_only=match_tier == "exact_line"
        ),
        ["customer_id", "stock_code"] + keys
    ) }}
    {%- endset -%}
    {%- do queries.update({name: matched}) -%}
{%- endfor -%}
with {{ kept(queries) }},

matches as (

    {% for name, _, _ in tiers -%}
        select * from {{ name }}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

unmatched as (

    select
        cast(null as bigint) as purchase_line_id,
        returns.line_id as return_line_id,
        returns.quantity - coalesce(sum(matches.units), 0) as units,
        'unmatched' as match_tier
    from events as returns
    left join matches on returns.line_id = matches.return_line_id
    where returns.is_return
    group by returns.line_id, returns.quantity
    having returns.quantity > coalesce(sum(matches.units), 0)

),

counted as (

    select
        allocated.*,
        returns.customer_id,
        returns.invoice_date as return_date,
        returns.quantity,
        returns.amount,
        sum(allocated.units) over (
            partition by allocated.return_line_id
            order by
                allocated.match_tier nulls last,
                allocated.purchase_line_id nulls last
            rows between unbounded preceding and current row
        ) as units_so_far
    from (
        select * from matches
        union all
        select * from unmatched
    ) as allocated
    inner join events as returns on allocated.return_line_id = returns.line_id

),

-- The money of a return is divided among its units; the last part takes the remainder,
-- so that the parts add up to the penny.
shared as (

    select
        *,
        case
            when units_so_far = quantity then amount
            else
                {{ as_decimal(
                    round_to("cast(amount as double) * units_so_far / quantity", 4)
                ) }}
        end as amount_so_far
    from counted

)

select
    shared.return_line_id,
    shared.purchase_line_id,
    shared.match_tier,
    shared.customer_id,
    purchases.invoice_no as purchase_invoice_no,
    purchases.invoice_date as purchase_date,
    shared.return_date,
    cast(shared.units as decimal(38, 4)) as units,
    cast(
        shared.amount_so_far - coalesce(lag(shared.amount_so_far) over (
            partition by shared.return_line_id order by shared.units_so_far nulls last
        ), 0) as decimal(38, 4)
    ) as returned_amount,
    -- A line that is returned whole on the day of the purchase was no purchase.
    shared.match_tier = 'exact_line'
    and shared.return_date = purchases.invoice_date as is_order_correction
from shared
left join events as purchases on shared.purchase_line_id = purchases.line_id
union all
-- The refunded line is known. A sale refunded whole on its own day was no purchase.
select
    refunds.line_id as return_line_id,
    refunds.refunded_line_id as purchase_line_id,
    'stated' as match_tier,
    refunds.customer_id,
    sales.invoice_no as purchase_invoice_no,
    sales.invoice_date as purchase_date,
    refunds.invoice_date as return_date,
    cast(refunds.quantity as decimal(38, 4)) as units,
    cast(refunds.amount as decimal(38, 4)) as returned_amount,
    refunds.amount = sales.line_amount
    and refunds.invoice_date = sales.invoice_date as is_order_correction
from refunds
inner join {{ ref("int_invoice_lines_classified") }} as sales
    on refunds.refunded_line_id = sales.line_id
