{%- set named = "'" ~ (var("churn_scoring_model") or "") ~ "'" -%}
with losses as (

    select * from {{ ref("ml_churn_losses") }}

),

models as (

    select * from {{ ref("churn_models") }}

),

model_losses as (

    select
        models.model,
        models.simplicity_rank,
        count(*) as examples,
        count(distinct losses.customer_id) as customers,
        count(distinct losses.cutoff_date) as cutoffs,
        max(losses.judged_on) as judged_on,
        avg(losses.log_loss) as log_loss
    from losses
    inner join models on losses.model = models.model
    group by models.model, models.simplicity_rank

),

-- A model that could not be fitted for every fold was judged on other customers.
widest as (

    select max(examples) as examples from model_losses

),

ranked as (

    select
        model_losses.*,
        row_number() over (
            order by
                model_losses.log_loss nulls last,
                model_losses.simplicity_rank nulls last
        ) as loss_rank
    from model_losses
    inner join widest on model_losses.examples = widest.examples

),

best_losses as (

    select losses.*
    from losses
    inner join ranked on losses.model = ranked.model and ranked.loss_rank = 1

),

example_differences as (

    select
        losses.model,
        losses.customer_id,
        losses.cutoff_date,
        losses.log_loss - best_losses.log_loss as difference,
        avg(losses.log_loss - best_losses.log_loss) over (partition by losses.model)
            as mean_difference
    from losses
    inner join best_losses
        on
            losses.customer_id = best_losses.customer_id
            and losses.cutoff_date = best_losses.cutoff_date

),

-- A customer occurs at several cutoffs, and a cutoff is one month for all customers:
-- either is one draw, not several. Their variances add up, less that of the examples,
-- which both contain (Cameron, Gelbach and Miller 2011).
deviations as (

    {% for draw in ("customer_id", "cutoff_date", "customer_id, cutoff_date") -%}
        select
            model,
            {{ -1 if "," in draw else 1 }} as sign,
            '{{ draw }}' as draw,
            count(*) as examples,
            sum(difference - mean_difference) as deviation,
            max(mean_difference) as mean_difference
        from example_differences
        group by model, {{ draw }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

variances as (

    select
        model,
        draw,
        max(sign) as sign,
        max(mean_difference) as mean_difference,
        sum(power(deviation, 2)) / power(sum(examples), 2) as variance
    from deviations
    group by model, draw

),

differences as (

    select
        model,
        max(mean_difference) as log_loss_difference,
        sqrt(greatest(sum(sign * variance), max(variance))) as difference_error
    from variances
    group by model

),

judged as (

    select
        ranked.model,
        ranked.simplicity_rank,
        ranked.examples,
        ranked.customers,
        ranked.cutoffs,
        ranked.judged_on,
        ranked.log_loss,
        ranked.loss_rank,
        differences.log_loss_difference,
        differences.difference_error,
        differences.log_loss_difference <= differences.difference_error
            as is_within_one_error
    from ranked
    inner join differences on ranked.model = differences.model

),

-- Of the models that cannot be told from the best, the simplest (the one-standard-error
-- rule of Breiman et al. 1984), unless a variable names one.
chosen as (

    select
        *,
        case
            when {{ named }} <> '' then model = {{ named }}
            else
                row_number() over (
                    order by
                        case when is_within_one_error then 0 else 1 end nulls last,
                        simplicity_rank nulls last
                ) = 1
        end as is_chosen
    from judged

)

select
    model,
    cast(simplicity_rank as integer) as simplicity_rank,
    cast(examples as bigint) as examples,
    cast(customers as bigint) as customers,
    cast(cutoffs as integer) as cutoffs,
    cast(judged_on as string) as judged_on,
    log_loss,
    log_loss_difference,
    difference_error,
    is_within_one_error,
    is_chosen,
    case
        when not is_chosen then null
        when {{ named }} <> '' then 'named by the variable churn_scoring_model'
        when loss_rank = 1 then 'the lowest log loss'
        else 'the simplest within one standard error of the lowest log loss'
    end as chosen_reason
from chosen
