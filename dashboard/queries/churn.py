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


def churn_roc(population: str) -> pd.DataFrame:
    """Return the points of each model's ROC curve at the last test date."""
    return query(
        """
        select model, point, threshold, false_positive_rate, true_positive_rate
        from rpt_churn_roc_curve
        where population = $population
            and cutoff_date = (select max(cutoff_date) from rpt_churn_roc_curve)
        order by model, point
        """,
        population=population,
    )


def churn_calibration(population: str, model: str) -> pd.DataFrame:
    """Return predicted and observed churn of a model in groups of equal size."""
    return query(
        """
        select score_decile, customers, mean_churn_probability, churn_rate
        from rpt_churn_deciles
        where population = $population and model = $model
            and cutoff_date = (select max(cutoff_date) from rpt_churn_deciles)
        order by score_decile desc
        """,
        population=population,
        model=model,
    )


def churn_confusion(population: str, model: str, threshold_name: str) -> pd.DataFrame:
    """Return the confusion matrix of a model at a threshold, one row at most."""
    return query(
        """
        select threshold, true_positives, false_positives, false_negatives, true_negatives
        from rpt_churn_classification_report
        where population = $population and model = $model
            and threshold_name = $threshold_name
            and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
            and class = 'churned'
        """,
        population=population,
        model=model,
        threshold_name=threshold_name,
    )


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


def churn_months() -> pd.DataFrame:
    """Return how the scoring model ranked at each cutoff that it predicted, oldest first."""
    return query("""
        select origins.cutoff_date, origins.roc_auc
        from rpt_churn_rolling_origins as origins
        inner join build_info on origins.model = build_info.churn_scoring_model
        where origins.roc_auc is not null
        order by origins.cutoff_date
    """)


def churn_leak() -> pd.DataFrame:
    """Return the ROC AUC of the leaky tutorial model by its own label and by later purchases."""
    return query("""
        select judged_by, roc_auc from rpt_churn_leaky_baseline
        where roc_auc is not null
        order by judged_by
    """)


def churn_report(population: str, model: str, threshold_name: str) -> pd.DataFrame:
    """Return precision, recall and F1 of a model for churned and stayed."""
    return query(
        """
        select class, precision_rate, recall_rate, f1_score, support
        from rpt_churn_classification_report
        where population = $population and model = $model
            and threshold_name = $threshold_name
            and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
        order by list_position(
            ['churned', 'stayed', 'accuracy', 'macro avg', 'weighted avg'], class
        )
        """,
        population=population,
        model=model,
        threshold_name=threshold_name,
    )


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
