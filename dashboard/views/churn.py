"""Churn: probabilities (predicted) and the quality of the models (measured)."""

from __future__ import annotations

from typing import Any

import colours
import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import churn as charts
from charts.segments import spread
from queries import churn as queries
from queries import segments


def draw_prediction(names: list[str], currency: str, window: str) -> None:
    """Draw the predictions for the selected customers."""
    st.header("Predicted: who may churn?", anchor=False)
    at_risk = queries.value_at_risk()
    if at_risk.empty:
        st.info(f"No customer has a churn probability. {marts_reader.why('churn')}")
        return
    st.caption(
        f"The probability that a customer buys nothing in the {window} after "
        f"{marts_reader.day(marts_reader.build_info()['as_of_date'])}. These days are still in the "
        "future."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        # Few customers of a large shop may all be missing in its sample.
        probabilities = segments.spread("probability")
        if not probabilities.empty:
            layout.show(
                "How likely is each segment to churn?",
                spread(probabilities, names, "Probability of churn", share=True),
                "Churn probability of each segment: range, interquartile range and median.",
                "Bar: interquartile range. Line: 5th to 95th percentile. Dot: median.",
            )
    with right:
        layout.show(
            "How much money is at risk?",
            charts.value_at_risk(at_risk, names, currency),
            "Value at risk of each segment, stacked by predicted risk.",
            f"Spend in {window} of customers who stay × churn probability, summed over them.",
        )
    st.page_link("views/customers.py", label="See the customers and their reasons")


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
    """Return a metric with its 95 % interval: `0.738 [0.723–0.754]`."""
    if pd.isna(row.value):
        return "–"
    digits = wording.METRICS[row.metric].digits
    text = f"{row.value:.{digits}f}"
    if pd.isna(row.ci_low) or pd.isna(row.ci_high):
        return text
    return f"{text} [{row.ci_low:.{digits}f}–{row.ci_high:.{digits}f}]"


def draw_evidence(window: str) -> None:
    """Draw the quality of the models on the test window."""
    st.header("Measured: can it be trusted?", anchor=False)
    known = marts_reader.query("select distinct model, population from rpt_churn_metrics")
    if known.empty:
        st.info(f"No model could be tested. {marts_reader.why('churn')}")
        return
    found = set(known["population"])
    left, right = st.columns(2, gap="medium")
    with left:
        population = links.choose(
            st.selectbox,
            "Tested on",
            [name for name in wording.POPULATIONS if name in found] or sorted(found),
            "population",
            noun="population",
            format_func=lambda name: wording.POPULATIONS.get(name, name),
        )
    models = known.loc[known["population"] == population, "model"].tolist()
    models = [*[m for m in wording.MODELS if m in models], *sorted(set(models) - {*wording.MODELS})]
    scoring = marts_reader.build_info()["churn_scoring_model"]
    models.sort(key=lambda name: name != scoring)
    with right:
        model = links.choose(
            st.selectbox,
            "Model",
            models,
            "model",
            noun="model",
            format_func=wording.model_label,
        )
    links.tell("population", "model")
    metrics = queries.churn_metrics(population)
    st.caption(
        "Every model used only data from before "
        f"{marts_reader.day(metrics['cutoff_date'].iloc[0])} and was judged by who bought nothing "
        f"in the {window} from that date. Filters do not apply."
    )
    draw_metrics(metrics)
    draw_curves(metrics, population, model)
    draw_importance()
    draw_model_card(window, metrics)


def draw_metrics(metrics: pd.DataFrame) -> None:
    """Draw the metrics of each model."""
    st.subheader("Is it better than a simple rule?", anchor=False)
    table = metrics_table(metrics)
    layout.table(
        table,
        "Metrics of each churn model with 95 % intervals.",
        {
            "model": st.column_config.TextColumn("Model", width=190),
            **{
                metric: st.column_config.TextColumn(
                    wording.METRICS[metric].label, help=wording.METRICS[metric].definition
                )
                for metric in table.columns[1:]
            },
        },
    )
    st.caption(
        "In brackets: 95 % bootstrap intervals over customers. Where intervals overlap widely, a "
        "difference between models may be chance."
    )
    scored_by = "Customers are scored by" if marts_reader.is_ok("churn") else "Chosen but not used"
    for choice in queries.churn_choice().itertuples():
        st.caption(
            f"{scored_by}: {wording.model_label(choice.model)}. It has "
            f"{choice.chosen_reason} on {choice.judged_on} before the test."
            if choice.chosen_reason == "the lowest log loss"
            else f"{scored_by}: {wording.model_label(choice.model)}, {choice.chosen_reason}."
        )
    leak = queries.churn_leak().set_index("judged_by")["roc_auc"]
    if len(leak) == 2:
        st.caption(
            "For comparison: a leaky tutorial model has days since last order as a feature and "
            f"learns a threshold on the same days. Its ROC AUC is {leak.iloc[0]:.3f} by its own "
            f"label and {leak.iloc[1]:.3f} by later purchases."
        )


def draw_curves(metrics: pd.DataFrame, population: str, model: str) -> None:
    """Draw the ROC and gains curves and the calibration of the chosen model."""
    areas = metrics[metrics["metric"] == "roc_auc"].dropna(subset="value")
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does it rank churners first?",
            charts.roc(
                queries.churn_roc(population),
                dict(zip(areas["model"], areas["value"], strict=True)),
                model,
            ),
            "ROC curve of each model.",
            "The closer a curve is to the upper left, the better. Thick: the chosen model. "
            "Diagonal: random ranking.",
        )
    with right:
        gains = queries.churn_gains(population)
        if not gains.empty:
            layout.show(
                "How many churners does a campaign reach?",
                charts.gains(gains, model),
                "Share of churners among the customers with the highest probability.",
                "Share of all churners (vertical) reached by contacting the customers with the "
                "highest probability (horizontal). Colours as on the left.",
            )
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does a probability of 70 % mean 70 %?",
            charts.calibration(
                queries.churn_calibration(population, model),
                colours.model_colours([model])[wording.model_label(model)],
            ),
            "Observed churn against predicted churn by decile of the predicted probability.",
            "One point per decile of the predicted probability. Below the dashed line fewer "
            "customers churned than predicted; above it, more.",
        )
    with right:
        draw_confusion(population, model)


def draw_confusion(population: str, model: str) -> None:
    """Draw the confusion matrix of the chosen model at the chosen threshold."""
    threshold_name = links.choose(
        st.selectbox,
        "Predicted to churn from",
        list(wording.THRESHOLDS),
        "threshold",
        noun="threshold",
        format_func=wording.THRESHOLDS.__getitem__,
    )
    links.tell("threshold")
    found = queries.churn_confusion(population, model, threshold_name)
    if found.empty:
        return
    row = found.iloc[0]
    if row["threshold"] > 1:
        st.info("At the assumed cost and response rate, no offer would have paid.")
        return
    layout.show(
        "How often is it wrong?",
        charts.confusion(row),
        "Confusion matrix of the chosen model.",
        "Customers are predicted to churn from a probability of "
        f"{wording.percent(row['threshold'], 0)} on. Rows: what they did.",
    )
    draw_report(population, model, threshold_name)


def draw_importance() -> None:
    """Draw the importance of groups of features, and churn by single features."""
    groups = queries.churn_importance()
    if not groups.empty:
        groups["feature_group"] = groups["feature_group"].map(
            lambda name: wording.FEATURE_GROUPS.get(name, name)
        )
        layout.show(
            "Which features matter?",
            charts.importance(groups),
            "ROC AUC lost when a group of features is permuted.",
            "Permutation importance: ROC AUC lost when a group of features is shuffled among test "
            "customers, five times; the line spans the results. Correlated groups cover for each "
            "other. Importance is not causation.",
        )
    drivers = queries.churn_drivers()
    if marts_reader.is_ok("churn") and not drivers.empty:
        layout.show(
            "Which customers churn more?",
            charts.drivers(drivers),
            "Observed churn rate by quartile of each feature.",
            "Observed churn rate by quartile of one feature at a time. Tied values share a "
            "quartile, so some features have fewer than four.",
        )


def draw_model_card(window: str, metrics: pd.DataFrame) -> None:
    """Draw the model card: prediction, choice, evaluation, use and limits."""
    with st.expander("Model card"):
        horizon = queries.churn_horizon()
        scoring = wording.model_label(str(marts_reader.build_info()["churn_scoring_model"]))
        facts = [
            f"Prediction: the probability that a customer buys nothing in the {window}.",
            f"Scoring model: {scoring}. {marts_reader.why('churn')}"
            if marts_reader.is_ok("churn")
            else f"Scoring model: none. {marts_reader.why('churn')}",
        ]
        if horizon:
            by = {
                "rule": "chosen by the rule",
                "version before": "kept, because it was published before",
            }.get(horizon["chosen_by"], "chosen by the settings")
            facts.append(
                f"Why {window}: {by}. 90 % of the gaps between two orders lasted at most "
                f"{wording.whole(horizon['gap_p90_days'])} days."
            )
        facts += [
            "Evaluation: trained on earlier days only, tested on customers as of "
            f"{marts_reader.day(metrics['cutoff_date'].iloc[0])}. Every metric has an interval and "
            f"stands beside those of simple rules.{months_said()}",
            (
                "Intended use: deciding who to contact first. "
                if marts_reader.is_ok("churn")
                else "Intended use: none, as long as churn is not predictable. "
            )
            + "Not intended: statements about a person beyond purchases, or about causes.",
            "Limits: it does not know competitors' prices, stock, campaigns or coming holidays"
            + (
                "; with less than two years of data it has seen no season twice."
                if seen_no_season_twice()
                else "."
            ),
        ]
        for fact in facts:
            st.text(fact)


def months_said() -> str:
    """Say how far ranking varied between the cutoffs that were predicted from what was before."""
    areas = queries.churn_months()["roc_auc"]
    if len(areas) < 2:
        return ""
    return (
        f" The intervals are over customers of one window; over {len(areas)} cutoffs, each "
        f"predicted from what was known then, the AUC ran from {areas.min():.3f} to "
        f"{areas.max():.3f}."
    )


def seen_no_season_twice() -> bool:
    """Return whether the data are shorter than two years."""
    facts = marts_reader.build_info()
    found: bool = (facts["as_of_date"] - facts["first_invoice_date"]).days < 2 * 365
    return found


def draw_report(population: str, model: str, threshold_name: str) -> None:
    """Draw precision and recall of the chosen model."""
    report = queries.churn_report(population, model, threshold_name)
    if report.empty:
        return
    st.subheader("How precise and complete is it?", anchor=False)
    layout.table(
        report.assign(
            **{"class": report["class"].map(lambda name: wording.CLASSES.get(name, name))},
            precision_rate=100 * report["precision_rate"],
            recall_rate=100 * report["recall_rate"],
        ),
        "Precision, recall and F1 of the chosen model.",
        {
            "class": st.column_config.TextColumn("Class", width=100),
            "precision_rate": layout.percent_column(
                "Precision", "Share of those predicted to be in the class who are in it."
            ),
            "recall_rate": layout.percent_column(
                "Recall", "Share of those in the class who were predicted to be."
            ),
            "f1_score": layout.number_column(
                "F1", "Harmonic mean of precision and recall.", digits=3
            ),
            "support": layout.number_column("Customers"),
        },
    )


def draw_watch() -> None:
    """Draw earlier predictions beside outcomes, and drift."""
    st.header("Does it still hold?", anchor=False)
    past = queries.churn_history()
    judged = past.dropna(subset=["mean_churn_probability", "observed_churn_rate"])
    if judged.empty:
        st.info("No earlier prediction has an outcome yet.")
    else:
        layout.show(
            "Did as many churn as predicted?",
            charts.history(judged),
            "Predicted and observed churn rate at each cutoff with a known outcome.",
            "Each point is a cutoff whose churn window is over.",
        )
    draw_drift()


def draw_drift() -> None:
    """Draw the drift of features, probabilities and outcomes since training."""
    drift = queries.drift()
    st.subheader("Has anything drifted since training?", anchor=False)
    if drift.empty:
        st.info("There is nothing to compare with yet.")
        return
    layout.table(
        pd.DataFrame(
            {
                "Status": drift["status"].map(wording.DRIFT),
                "psi": drift["psi"],
                "critical": drift["critical_psi"],
                "In words": drift["sentence"],
            }
        ),
        "Drift of each feature and of the probabilities.",
        {
            "Status": st.column_config.TextColumn("Status", width=90),
            "psi": layout.number_column(
                "PSI", "Population stability index: 0 means no change.", digits=3
            ),
            "critical": layout.number_column(
                "Critical PSI",
                "Chance alone exceeds one of these bounds in at most 5 % of builds.",
                digits=3,
            ),
            "In words": st.column_config.TextColumn("In words", width=540),
        },
        row_height=72,
        height=540,
    )
    st.caption(
        "Drifted: a change beyond chance and large enough to matter, which is a PSI above 0.10 or "
        "five percentage points of a rate. May be season: so too, but the same season a year "
        "before is not there to compare. Structural: the value grows with the length of the "
        "history in every shop."
    )


def main() -> None:
    """Draw the page."""
    horizon = queries.churn_horizon()
    window = f"{horizon['horizon_days']} days" if horizon else "churn window"
    st.title("Who may churn, and can we trust it?", anchor=False)
    if not layout.nothing_selected():
        draw_prediction(marts_reader.segment_names(), marts_reader.currency(), window)
    draw_evidence(window)
    draw_watch()


main()
