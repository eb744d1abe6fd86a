"""Queries of the marts about churn."""

from __future__ import annotations

from typing import Any

import pandas as pd
from marts_reader import query, query_cells


def churn_horizon() -> dict[str, Any]:
    """Return how the churn window was chosen; nothing if there is none."""
    found = query("select * from rpt_churn_horizon where is_chosen")
    return {} if found.empty else dict(found.iloc[0])


def churn_metrics(population: str) -> pd.DataFrame:
    """Return the metrics of each model at the last test date."""
    return query(
        """
        select model, cutoff_date, metric, value, ci_low, ci_high from rpt_churn_metrics
        where population = $population
            and cutoff_date = (select max(cutoff_date) from rpt_churn_metrics)
        order by model, metric
        """,
        population=population,
    )


def churn_curve(population: str) -> pd.DataFrame:
    """Return the points of each model's ROC and precision-recall curve at the last test date.

    Returns
    -------
    pandas.DataFrame
        `model`, `point`, `threshold`, `false_positive_rate`, `true_positive_rate` (the recall) and
        `precision_rate`, which is none where nobody is predicted to churn.
    """
    return query(
        """
        with sizes as (
            select
                model,
                max(support) filter (class = 'churned') as churners,
                max(support) filter (class = 'stayed') as stayers
            from rpt_churn_classification_report
            where population = $population
                and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
            group by model
        )

        select
            curve.model,
            curve.point,
            curve.threshold,
            curve.false_positive_rate,
            curve.true_positive_rate,
            curve.true_positive_rate * sizes.churners / nullif(
                curve.true_positive_rate * sizes.churners
                + curve.false_positive_rate * sizes.stayers, 0
            ) as precision_rate
        from rpt_churn_roc_curve as curve
        inner join sizes using (model)
        where curve.population = $population
            and curve.cutoff_date = (select max(cutoff_date) from rpt_churn_roc_curve)
        order by curve.model, curve.point
        """,
        population=population,
    )


def churn_calibration(population: str, model: str) -> pd.DataFrame:
    """Return predicted and observed churn of a model in groups of equal size."""
    return query(
        """
        select score_decile, customers, churners, mean_churn_probability, churn_rate
        from rpt_churn_deciles
        where population = $population and model = $model
            and cutoff_date = (select max(cutoff_date) from rpt_churn_deciles)
        order by score_decile desc
        """,
        population=population,
        model=model,
    )


def churn_thresholds(population: str, model: str) -> pd.DataFrame:
    """Return the thresholds that have a name, and how many churned and stayed."""
    return query(
        """
        select
            threshold_name,
            max(threshold) as threshold,
            max(support) filter (class = 'churned') as churners,
            max(support) filter (class = 'stayed') as stayers
        from rpt_churn_classification_report
        where population = $population and model = $model
            and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
        group by threshold_name
        order by threshold_name
        """,
        population=population,
        model=model,
    )


def churn_confusion(population: str, model: str, threshold: float) -> pd.DataFrame:
    """Return the confusion matrix of a model at a threshold, one row at most.

    It is that of the next published point of the ROC curve above the threshold; two points lie half
    a per cent of customers apart.
    """
    return query(
        """
        with sizes as (
            select
                max(support) filter (class = 'churned') as churners,
                max(support) filter (class = 'stayed') as stayers
            from rpt_churn_classification_report
            where population = $population and model = $model
                and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
        ),

        points as (
            select true_positive_rate, false_positive_rate
            from rpt_churn_roc_curve
            where population = $population and model = $model
                and cutoff_date = (select max(cutoff_date) from rpt_churn_roc_curve)
                and (threshold is null or threshold >= $threshold)
            order by point desc
            limit 1
        ),

        counted as (
            select
                round(coalesce(points.true_positive_rate, 0) * sizes.churners)::bigint
                    as true_positives,
                round(coalesce(points.false_positive_rate, 0) * sizes.stayers)::bigint
                    as false_positives,
                coalesce(sizes.churners, 0) as churners,
                coalesce(sizes.stayers, 0) as stayers
            from points cross join sizes
        )

        select
            true_positives,
            false_positives,
            churners - true_positives as false_negatives,
            stayers - false_positives as true_negatives
        from counted
        """,
        population=population,
        model=model,
        threshold=threshold,
    )


def lost_revenue() -> pd.DataFrame:
    """Return what those who left would have brought, by share of customers contacted.

    The first contacted are those with the highest probability of the scoring model.
    """
    return query("""
        select top_percent, lost_revenue::double as lost_revenue
        from rpt_action_backtest
        where ranking = 'churn_probability'
            and cutoff_date = (select max(cutoff_date) from rpt_action_backtest)
        order by top_percent
    """)


def offer_terms() -> dict[str, float]:
    """Return cost, response and margin of an offer as the list assumes them; nothing if none pays.

    They are those behind the expected gain of the customer who comes first.
    """
    found = query("""
        select
            offer_cost::double as cost,
            response_rate::double as response,
            -- That response is the one at which the margin just pays for the offer.
            offer_cost::double / (break_even_response * value_at_risk::double) as margin
        from fct_customer_actions
        where offer_cost > 0 and response_rate > 0 and value_at_risk > 0 and expected_gain > 0
        order by priority
        limit 1
    """)
    return {} if found.empty else dict(found.iloc[0])


def forecast() -> dict[str, Any]:
    """Return how many of the selected customers are expected to leave, and the money at risk."""
    found = query_cells("""
        select
            coalesce(sum(scored_customers), 0)::bigint as scored_customers,
            sum(expected_leavers)::double as expected_leavers,
            sum(value_at_risk)::double as value_at_risk
        from cells
    """)
    return dict(found.iloc[0])


def actions() -> pd.DataFrame:
    """Return the actions that contact somebody, in their order."""
    return query("""
        select
            action_label,
            customers - held_out_customers as to_contact,
            value_at_risk::double as value_at_risk,
            expected_gain::double as expected_gain,
            instruction
        from rpt_actions
        where is_contact and customers > 0
        order by action_rank
    """)


def origins() -> pd.DataFrame:
    """Return how each model did on every day that it predicted from what was known by then."""
    return query("""
        select
            model, cutoff_date, example_set, customers, churn_rate, mean_churn_probability, roc_auc
        from rpt_churn_rolling_origins
        where roc_auc is not null
        order by model, cutoff_date
    """)


def churn_importance() -> pd.DataFrame:
    """Return the permutation importance of each group of features, largest first."""
    return query("""
        select feature_group, mean_auc_loss, lowest_auc_loss, highest_auc_loss
        from rpt_churn_importance
        order by mean_auc_loss desc
    """)


def churn_choice() -> pd.DataFrame:
    """Return the model that scores customers and why, one row at most."""
    return query("""
        select model, chosen_reason, judged_on from rpt_churn_model_selection where is_chosen
    """)


def churn_leak() -> pd.DataFrame:
    """Return the ROC AUC of the leaky tutorial model by its own label and by later purchases."""
    return query("""
        select judged_by, roc_auc from rpt_churn_leaky_baseline
        where roc_auc is not null
        order by judged_by
    """)


def churn_gains(population: str) -> pd.DataFrame:
    """Return the gains curve of each model: churners reached by the top deciles."""
    return query(
        """
        select model, contacted_share, captured_churner_share, cumulative_lift
        from rpt_churn_deciles
        where population = $population
            and cutoff_date = (select max(cutoff_date) from rpt_churn_deciles)
        order by model, score_decile
        """,
        population=population,
    )


def churn_drivers(most: int = 8) -> pd.DataFrame:
    """Return the churn rate by quartile of the strongest single features, strongest first."""
    return query(
        """
        with strongest as (
            select feature
            from rpt_churn_drivers
            where feature_auc is not null
            group by feature
            order by max(abs(feature_auc - 0.5)) desc, feature
            limit $most
        )

        select
            drivers.feature_label, drivers.feature_quarter, drivers.lowest_value,
            drivers.highest_value, drivers.customers, drivers.churn_rate, drivers.feature_auc
        from rpt_churn_drivers as drivers
        inner join strongest using (feature)
        order by abs(drivers.feature_auc - 0.5) desc, drivers.feature, drivers.feature_quarter
        """,
        most=most,
    )


def value_at_risk() -> pd.DataFrame:
    """Sum the value at risk of the selected customers for each segment and band of risk."""
    return query_cells("""
        select
            segment,
            churn_risk,
            sum(scored_customers)::bigint as customers,
            sum(value_at_risk)::double as value_at_risk
        from cells
        where scored_customers > 0
        group by segment, churn_risk
        order by segment, churn_risk
    """)


def drift() -> pd.DataFrame:
    """Return the drift of features, probabilities and outcomes since training."""
    return query("""
        select status, psi, critical_psi, sentence
        from rpt_drift
        order by
            status <> 'drifted', status <> 'may_be_season', kind, psi desc nulls last, subject
    """)


def churn_history() -> pd.DataFrame:
    """Return predicted and observed churn at each cutoff with a known outcome."""
    return query("""
        select
            cutoff_date, mean_churn_probability, churn_rate as observed_churn_rate,
            roc_auc, brier_score
        from rpt_churn_history
        where population = 'all_known'
        order by cutoff_date
    """)
