"""Churn: who may leave (predicted), and how far that can be trusted (measured)."""

from __future__ import annotations

from typing import Any

import charts
import layout
import pandas as pd
import store
import streamlit as st
import wording


def draw_prediction(names: list[str], currency: str, window: str) -> None:
    """Draw what is predicted for the selected customers."""
    st.header("Predicted: who may leave?", anchor=False)
    st.caption(
        f"For every customer, the probability to buy nothing in the {window} after "
        f"{store.day(store.build_info()['as_of_date'])}. Nobody has seen these days yet."
    )
    probabilities = store.spread("probability")
    if probabilities.empty:
        st.info(f"Churn was not predicted. {store.why('churn')}")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "How likely is each segment to leave?",
            charts.spread(probabilities, names, "Probability of churn", share=True),
            "Predicted probability of churn of each segment: range, middle half and median.",
            "Bar: the middle half of the segment. Line: all but the lowest and highest 5 %. "
            "Dot: the median.",
        )
    with right:
        layout.show(
            "How much money is at risk?",
            charts.value_at_risk(store.value_at_risk(), names, currency),
            "Value at risk of each segment, stacked by predicted risk.",
            "The mean net revenue of 90 days times the probability of churn, summed over "
            "customers.",
        )
    draw_customers(currency)


def draw_customers(currency: str) -> None:
    """Draw whom the most is lost with, and why the model thinks so."""
    customers = store.customers_at_risk()
    if customers.empty:
        return
    st.subheader("Whose loss would cost most, and why?", anchor=False)
    st.dataframe(
        customers.assign(churn_probability=100 * customers["churn_probability"]),
        hide_index=True,
        column_config={
            "customer_id": st.column_config.TextColumn("Customer", width=90),
            "segment": st.column_config.TextColumn("Segment", width=130),
            "churn_probability": layout.percent_column("Churn", "Predicted probability."),
            "value_at_risk": layout.number_column(f"At risk, {currency}"),
            "predicted_value_90d": layout.number_column(
                f"Next 90 days, {currency}", "Predicted net revenue of the next 90 days."
            ),
            "reasons": st.column_config.TextColumn("Why, against a typical customer", width=420),
        },
        row_height=76,
        alt="Ten customers with the most value at risk, and the reasons of their scores.",
    )
    st.caption(
        "Reasons are what sets a customer apart from the typical one in the eyes of the model, "
        "strongest first. They say nothing about what would change the customer's mind."
    )


def metrics_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each model, best ROC AUC first, with intervals in the cells."""
    known = [metric for metric in wording.METRICS if metric in set(metrics["metric"])]
    cells = metrics[metrics["metric"].isin(known)].copy()
    cells["text"] = [interval(row) for row in cells.itertuples()]
    table = cells.pivot(index="model", columns="metric", values="text")[known]
    areas = metrics[metrics["metric"] == "roc_auc"].set_index("model")["value"]
    order = areas.sort_values(ascending=False).index
    table = table.reindex([*order, *table.index.difference(order)])
    table.insert(0, "model", [wording.model_label(model) for model in table.index])
    return table.reset_index(drop=True)


def interval(row: Any) -> str:
    """Return a measure with its 95 % interval: `0.738 [0.723–0.754]`."""
    if pd.isna(row.value):
        return "–"
    digits = wording.METRICS[row.metric].digits
    text = f"{row.value:.{digits}f}"
    if pd.isna(row.ci_low) or pd.isna(row.ci_high):
        return text
    return f"{text} [{row.ci_low:.{digits}f}–{row.ci_high:.{digits}f}]"


def draw_evidence(window: str) -> None:
    """Draw how the models did on days they had not seen."""
    st.header("Measured: can it be trusted?", anchor=False)
    known = store.query("select distinct model, population from rpt_churn_metrics")
    if known.empty:
        st.info(f"No model could be tested. {store.why('churn')}")
        return
    found = set(known["population"])
    left, right = st.columns(2, gap="medium")
    with left:
        population = st.selectbox(
            "Tested on",
            [name for name in wording.POPULATIONS if name in found] or sorted(found),
            format_func=lambda name: wording.POPULATIONS.get(name, name),
            key="population",
        )
    models = known.loc[known["population"] == population, "model"].tolist()
    models = [*[m for m in wording.MODELS if m in models], *sorted(set(models) - {*wording.MODELS})]
    scoring = store.build_info()["churn_scoring_model"]
    with right:
        model = st.selectbox(
            "Model",
            models,
            index=models.index(scoring) if scoring in models else 0,
            format_func=wording.model_label,
            key="model",
        )
    metrics = store.churn_metrics(population)
    st.caption(
        f"Every model was told what was known before {store.day(metrics['cutoff_date'].iloc[0])} "
        f"and judged by who bought nothing in the {window} from then on. Filters do not apply."
    )
    draw_metrics(metrics)
    draw_curves(metrics, population, model)
    draw_confusion(population, model)
    draw_importance()


def draw_metrics(metrics: pd.DataFrame) -> None:
    """Draw the measures of each model."""
    st.subheader("Is it better than a simple rule?", anchor=False)
    table = metrics_table(metrics)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "model": st.column_config.TextColumn("Model", width=190),
            **{
                metric: st.column_config.TextColumn(
                    wording.METRICS[metric].label, help=wording.METRICS[metric].definition
                )
                for metric in table.columns[1:]
            },
        },
        alt="Measures of each churn model with 95 % intervals.",
    )
    st.caption(
        "In brackets: the 95 % interval over resampled customers. Where they overlap widely, a "
        "difference between models may be chance."
    )
    for choice in store.churn_choice().itertuples():
        st.caption(
            f"Customers are scored by: {wording.model_label(choice.model)}. It has "
            f"{choice.chosen_reason} among training customers that a model never saw."
            if choice.chosen_reason == "the lowest log loss"
            else f"Customers are scored by: {wording.model_label(choice.model)}, "
            f"{choice.chosen_reason}."
        )
    leak = store.churn_leak().set_index("judged_by")["roc_auc"]
    if len(leak) == 2:
        st.caption(
            "For comparison: a tutorial model that sees how long a customer has been silent and "
            f"learns who has been silent for longer than a threshold reaches {leak.iloc[0]:.3f} by "
            f"its own label, and {leak.iloc[1]:.3f} by later purchases."
        )


def draw_curves(metrics: pd.DataFrame, population: str, model: str) -> None:
    """Draw the ROC curves and the calibration of the chosen model."""
    areas = metrics[metrics["metric"] == "roc_auc"].dropna(subset="value")
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does it rank leavers first?",
            charts.roc(
                store.churn_roc(population),
                dict(zip(areas["model"], areas["value"], strict=True)),
                model,
            ),
            "ROC curve of each model.",
            "The further a line bends to the upper left, the better. Thick: the chosen model. "
            "The diagonal: a coin.",
        )
    with right:
        layout.show(
            "Does a probability of 70 % mean 70 %?",
            charts.calibration(
                store.churn_calibration(population, model),
                wording.model_colours([model])[wording.model_label(model)],
            ),
            "Observed churn over predicted churn in ten groups of customers.",
            "Ten groups of equal size by predicted probability. Below the dashed line fewer left "
            "than predicted, above it more.",
        )


def draw_confusion(population: str, model: str) -> None:
    """Draw what happens when everyone above the threshold is called a leaver."""
    threshold_name = st.selectbox(
        "Predicted to leave from",
        list(wording.THRESHOLDS),
        format_func=wording.THRESHOLDS.get,
        key="threshold",
    )
    found = store.churn_confusion(population, model, threshold_name)
    if found.empty:
        return
    row = found.iloc[0]
    if row["threshold"] > 1:
        st.info("Under the assumed costs and responses no offer would have paid.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "How often is it wrong?",
            charts.confusion(row),
            "Confusion matrix of the chosen model.",
            f"Customers are predicted to leave from a probability of "
            f"{wording.percent(row['threshold'], 0)} on. Rows: what they did.",
        )
    with right:
        draw_report(population, model, threshold_name)


def draw_importance() -> None:
    """Draw which features the scores rest on."""
    groups = store.churn_importance()
    if groups.empty:
        return
    groups["feature_group"] = groups["feature_group"].map(
        lambda name: wording.FEATURE_GROUPS.get(name, name)
    )
    layout.show(
        "What do the scores rest on?",
        charts.importance(groups),
        "ROC AUC lost when a group of features is permuted.",
        "Test customers' values of a group are shuffled, five times; the line spans the results. "
        "Groups that tell the same story cover for each other. This is no list of causes.",
    )


def draw_report(population: str, model: str, threshold_name: str) -> None:
    """Draw precision and recall of the chosen model."""
    report = store.churn_report(population, model, threshold_name)
    if report.empty:
        return
    st.subheader("How good are its yes and its no?", anchor=False)
    st.dataframe(
        report.assign(
            **{"class": report["class"].map(lambda name: wording.CLASSES.get(name, name))},
            precision_rate=100 * report["precision_rate"],
            recall_rate=100 * report["recall_rate"],
        ),
        hide_index=True,
        column_config={
            "class": st.column_config.TextColumn("Class", width=100),
            "precision_rate": layout.percent_column(
                "Precision", "Of those predicted to be in the class, the share that is."
            ),
            "recall_rate": layout.percent_column(
                "Recall", "Of those in the class, the share that was predicted."
            ),
            "f1_score": layout.number_column("F1", "Harmonic mean of the two.", digits=3),
            "support": layout.number_column("Customers"),
        },
        alt="Precision, recall and F1 of the chosen model.",
    )


def main() -> None:
    """Draw the page."""
    horizon = store.churn_horizon()
    window = f"{horizon} days" if horizon else "churn window"
    st.title("Who may leave, and can we trust it?", anchor=False)
    if not layout.nothing_selected():
        draw_prediction(store.segment_names(), store.currency(), window)
    draw_evidence(window)


main()
