{%- set champions -%}
    coalesce(
        ' Value over 90 days is forecast by ' || forecast_90d.name
        || ', over 365 days by ' || forecast_365d.name || '.',
        ''
    )
{%- endset -%}
with value_customers as (

    select
        count(*) as customers,
        count(case when repeat_purchase_days > 0 then 1 end) as repeat_customers
    from {{ ref("int_btyd_summary") }}
    where example_set = 'current'

),

-- The last cutoff is today; without customers there is none.
value_fits as (

    select
        *,
        max(cutoff_date) over () as last_cutoff_date
    from {{ ref("ml_clv_parameters") }}

),

value_fit as (

    select
        max(model_status) as model_status,
        max(case when is_used and model <> 'gamma_gamma' then model end) as orders_model
    from value_fits
    where cutoff_date = last_cutoff_date

),

{% for days in (90, 365) -%}
    forecast_{{ days }}d as (

        select
            max(
                case forecast
                    when 'last_365_days' then 'the last 365 days carried forward'
                    when 'geometric_mean'
                        then 'the geometric mean of the model and the last 365 days'
                    when 'two_part' then 'a regression on earlier cutoffs'
                    else 'the model'
                end
                || case
                    when earlier_cutoffs = 0 then ' (no earlier cutoff to choose at)'
                    else ''
                end
            ) as name
        from (
            select
                *,
                max(cutoff_date) over () as last_cutoff_date
            from {{ ref("ml_clv_selection") }}
        ) as selection
        where
            is_chosen
            and target = 'net_revenue'
            and horizon_days = {{ days }}
            and cutoff_date = last_cutoff_date

    ),

{% endfor -%}

status as (

    select
        'lifetime_value' as model,
        coalesce(value_fit.model_status, 'insufficient_data') as model_status,
        value_customers.customers,
        case
            when value_fit.model_status = 'ok'
                then 'Lifetime value is predicted for '
                    || {{ count_noun("value_customers.customers", "customer") }}
                    || ': purchase days by '
                    || case value_fit.orders_model
                        when 'mbg_nbd' then 'MBG/NBD'
                        else 'BG/NBD'
                    end
                    || ', their values by Gamma-Gamma.'
                    || {{ champions }}
            when value_fit.model_status = 'degenerate_dropout'
                then 'Lifetime value is predicted for '
                    || {{ count_noun("value_customers.customers", "customer") }}
                    || ' without P(alive): nothing tells customers who left from those'
                    || ' who pause, so purchase days follow NBD, in which nobody'
                    || ' leaves.'
                    || {{ champions }}
            when value_customers.customers < {{ var("clv_min_customers") | int }}
                or value_customers.repeat_customers
                < {{ var("clv_min_repeat_customers") | int }}
                then {{ count_noun("value_customers.customers", "customer") }} || ', '
                    || {{ format_integer("value_customers.repeat_customers") }}
                    || ' of them with a second purchase day; lifetime value needs '
                    || {{ format_integer(var("clv_min_customers") | int) }} || ' and '
                    || {{ format_integer(var("clv_min_repeat_customers") | int) }}
                    || ': skipped.'
            else
                {{ count_noun("value_customers.customers", "customer") }}
                || ', but no model fits what they buy or spend:'
                || ' lifetime value skipped.'
        end as explanation
    from value_customers
    cross join value_fit
    cross join forecast_90d
    cross join forecast_365d

)

select
    cast(model as string) as model,
    cast(model_status as string) as model_status,
    cast(customers as bigint) as customers,
    cast(explanation as string) as explanation
from status
