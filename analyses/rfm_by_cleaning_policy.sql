-- Which segment would a customer be in, had the lines been cleaned by the classic
-- tutorial recipe? One row per customer under either policy, from one build under the
-- policy `net`: the classic measures are made anew of the lines. A customer whose
-- every purchase was taken back has no net measures.
--
-- Run: dbt show --select rfm_by_cleaning_policy --output json --limit 20
--
-- How to read it: group by a score for the thresholds of each policy (lowest and
-- highest measure), by net_segment and classic_segment for who moves.
-- classic_segment_of_net_map puts the classic scores through this project's own map:
-- where it differs from net_segment, the cleaning or the ties have moved the customer;
-- where it differs from classic_segment, only the names of the recipe have.
with lines as (

    select
        classified_lines.*,
        coalesce(
            left(classified_lines.invoice_no, length(rules.cancellation_prefix))
            = rules.cancellation_prefix, false
        ) as is_cancellation
    from {{ ref("int_invoice_lines_classified") }} as classified_lines
    cross join {{ ref("stg_shop__rules") }} as rules
    where classified_lines.disposition <> 'superseded'

),

net_customers as (

    select * from {{ ref("int_customers_rfm") }}

),

rfm_segments as (

    select * from {{ ref("rfm_segments") }}

),

classic_customers as (

    select
        customer_id,
        max(invoiced_at) as last_ordered_at,
        count(distinct invoice_no) as frequency,
        sum(line_amount) as net_revenue
    from lines
    where customer_id is not null and quantity > 0 and not is_cancellation
    group by customer_id

),

-- Whole days to one day after the last sale.
measured as (

    select
        classic_customers.customer_id,
        classic_customers.frequency,
        classic_customers.net_revenue,
        as_of.as_of_date,
        1 + cast(floor({{ second_difference(
            "classic_customers.last_ordered_at",
            "max(classic_customers.last_ordered_at) over ()"
        ) }} / 86400e0) as integer) as days_since_last_order
    from classic_customers
    cross join {{ ref("int_as_of") }} as as_of

),

scored as (

    {{ classic_quintile_scores("measured") }}

),

classic as (

    select
        scored.*,
        rfm_segments.classic_segment,
        rfm_segments.segment as classic_segment_of_net_map
    from scored
    inner join rfm_segments
        on
            scored.r_score = rfm_segments.r_score
            and scored.f_score = rfm_segments.f_score
            and scored.m_score = rfm_segments.m_score

)

select
    coalesce(net_customers.customer_id, classic.customer_id) as customer_id,
    net_customers.days_since_last_order as net_days_since_last_order,
    net_customers.purchase_days as net_purchase_days,
    net_customers.net_revenue,
    net_customers.r_score as net_r_score,
    net_customers.f_score as net_f_score,
    net_customers.m_score as net_m_score,
    net_customers.segment as net_segment,
    classic.days_since_last_order as classic_days_since_last_order,
    classic.frequency as classic_orders,
    classic.net_revenue as classic_revenue,
    classic.r_score as classic_r_score,
    classic.f_score as classic_f_score,
    classic.m_score as classic_m_score,
    classic.classic_segment,
    classic.classic_segment_of_net_map
from net_customers
full outer join classic on net_customers.customer_id = classic.customer_id
order by customer_id nulls last
