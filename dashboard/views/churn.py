"""Churn: who may leave (predicted), and how far that can be trusted (measured)."""

from __future__ import annotations

from typing import Any

import layout
import links
import pandas as pd
import store
import streamlit as st
import wording
from charts import churn as charts
from charts.segments import spread
from questions import churn as questions
from questions import segments


def draw_prediction(names: list[str], currency: str, window: str) -> None:
    """Draw what is predicted for the selected customers."""
    st.header("Predicted: who may leave?", anchor=False)
    at_risk = questions.value_at_risk()
    if at_risk.empty:
        st.info(f"Nobody is given a probability. {store.why('churn')}")
        return
    st.caption(
        f"For every customer, the probability to buy nothing in the {window} after "
        f"{store.day(store.build_info()['as_of_date'])}. Nobody has seen these days yet."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        # Few customers of a large shop may all be missing in its sample.
        probabilities = segments.spread("probability")
        if not probabilities.empty:
            layout.show(
                "How likely is each segment to leave?",
                spread(probabilities, names, "Probability of churn", share=True),
                "Predicted probability of churn of each segment: range, middle half and median.",
                "Bar: the middle half of the segment. Line: all but the lowest and highest 5 %. "
                "Dot: the median.",
            )
    with right:
        layout.show(
            "How much money is at risk?",
            charts.value_at_risk(at_risk, names, currency),
            "Value at risk of each segment, stacked by predicted risk.",
            f"What a customer spends in {window} on average, times the probability of churn, "
            "summed over customers.",
        )
    st.page_link("views/customers.py", label="Who they are, and why: the customers")


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
    scoring = store.build_info()["churn_scoring_model"]
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
    metrics = questions.churn_metrics(population)
    st.caption(
        f"Every model was told what was known before {store.day(metrics['cutoff_date'].iloc[0])} "
        f"and judged by who bought nothing in the {window} from then on. Filters do not apply."
    )
    draw_metrics(metrics)
    draw_curves(metrics, population, model)
    draw_importance()
    draw_model_card(window, metrics)


def draw_metrics(metrics: pd.DataFrame) -> None:
    """Draw the measures of each model."""
    st.subheader("Is it better than a simple rule?", anchor=False)
    table = metrics_table(metrics)
    layout.table(
        table,
        "Measures of each churn model with 95 % intervals.",
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
        "In brackets: the 95 % interval over resampled customers. Where they overlap widely, a "
        "difference between models may be chance."
    )
    scored_by = "Customers are scored by" if store.is_ok("churn") else "Chosen, and not used"
    for choice in questions.churn_choice().itertuples():
        st.caption(
            f"{scored_by}: {wording.model_label(choice.model)}. It has "
            f"{choice.chosen_reason} among training customers that a model never saw."
            if choice.chosen_reason == "the lowest log loss"
            else f"{scored_by}: {wording.model_label(choice.model)}, {choice.chosen_reason}."
        )
    leak = questions.churn_leak().set_index("judged_by")["roc_auc"]
    if len(leak) == 2:
        st.caption(
            "For comparison: a tutorial model that sees how long a customer has been silent and "
            f"learns who has been silent for longer than a threshold reaches {leak.iloc[0]:.3f} by "
            f"its own label, and {leak.iloc[1]:.3f} by later purchases."
        )


def draw_curves(metrics: pd.DataFrame, population: str, model: str) -> None:
    """Draw the ROC and gains curves and the calibration of the chosen model."""
    areas = metrics[metrics["metric"] == "roc_auc"].dropna(subset="value")
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does it rank leavers first?",
            charts.roc(
                questions.churn_roc(population),
                dict(zip(areas["model"], areas["value"], strict=True)),
                model,
            ),
            "ROC curve of each model.",
            "The further a line bends to the upper left, the better. Thick: the chosen model. "
            "The diagonal: a coin.",
        )
    with right:
        gains = questions.churn_gains(population)
        if not gains.empty:
            layout.show(
                "How many leavers does a campaign reach?",
                charts.gains(gains, model),
                "Share of leavers found among the customers with the highest probability.",
                "Write to a tenth of the customers, those with the highest probability, and reach "
                "so many of all who leave. Colours as on the left.",
            )
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does a probability of 70 % mean 70 %?",
            charts.calibration(
                questions.churn_calibration(population, model),
                wording.model_colours([model])[wording.model_label(model)],
            ),
            "Observed churn over predicted churn in ten groups of customers.",
            "Ten groups of equal size by predicted probability. Below the dashed line fewer left "
            "than predicted, above it more.",
        )
    with right:
        draw_confusion(population, model)


def draw_confusion(population: str, model: str) -> None:
    """Draw what happens when everyone above the threshold is called a leaver."""
    threshold_name = links.choose(
        st.selectbox,
        "Predicted to leave from",
        list(wording.THRESHOLDS),
        "threshold",
        noun="threshold",
        format_func=wording.THRESHOLDS.__getitem__,
    )
    links.tell("threshold")
    found = questions.churn_confusion(population, model, threshold_name)
    if found.empty:
        return
    row = found.iloc[0]
    if row["threshold"] > 1:
        st.info("Under the assumed costs and responses no offer would have paid.")
        return
    layout.show(
        "How often is it wrong?",
        charts.confusion(row),
        "Confusion matrix of the chosen model.",
        f"Customers are predicted to leave from a probability of "
        f"{wording.percent(row['threshold'], 0)} on. Rows: what they did.",
    )
    draw_report(population, model, threshold_name)


def draw_importance() -> None:
    """Draw which features the scores rest on, and what goes with churn by itself."""
    groups = questions.churn_importance()
    if not groups.empty:
        groups["feature_group"] = groups["feature_group"].map(
            lambda name: wording.FEATURE_GROUPS.get(name, name)
        )
        layout.show(
            "What do the scores rest on?",
            charts.importance(groups),
            "ROC AUC lost when a group of features is permuted.",
            "Test customers' values of a group are shuffled, five times; the line spans the "
            "results. Groups that tell the same story cover for each other. This is no list "
            "of causes.",
        )
    drivers = questions.churn_drivers()
    if store.is_ok("churn") and not drivers.empty:
        layout.show(
            "What goes with leaving?",
            charts.drivers(drivers),
            "Observed churn of customers in four groups by the value of each feature.",
            "Observed: share that did not come back, by the value of one feature at a time. "
            "Where many customers share a value, there are fewer groups.",
        )


def draw_model_card(window: str, metrics: pd.DataFrame) -> None:
    """Say in words what the model is, what it was learned from and what it is not for."""
    with st.expander("Model card"):
        horizon = questions.churn_horizon()
        scoring = wording.model_label(str(store.build_info()["churn_scoring_model"]))
        facts = [
            f"What it says: the probability that a customer buys nothing in the {window}.",
            f"Who is scored by what: {scoring}. {store.why('churn')}"
            if store.is_ok("churn")
            else f"Who is scored by what: nobody, by nothing. {store.why('churn')}",
        ]
        if horizon:
            by = "the rule" if horizon["chosen_by"] == "rule" else "the settings"
            facts.append(
                f"Why {window}: chosen by {by}. Of the pauses between two orders that ended, nine "
                f"in ten took at most {wording.whole(horizon['gap_p90_days'])} days."
            )
        facts += [
            "How it was judged: it learned from earlier days only and was asked about customers "
            f"as of {store.day(metrics['cutoff_date'].iloc[0])}. Every measure stands beside that "
            "of simple rules, with its interval.",
            (
                "What it is for: deciding whom to contact first. "
                if store.is_ok("churn")
                else "What it is for: nothing, as long as churn cannot be told. "
            )
            + "What it is not for: anything about a person besides purchases, or a claim about "
            "causes.",
            "What it does not know: prices of others, stock, campaigns, holidays to come"
            + (
                "; with less than two years of data it has seen no season twice."
                if seen_no_season_twice()
                else "."
            ),
        ]
        for fact in facts:
            st.text(fact)


def seen_no_season_twice() -> bool:
    """Return whether the data are shorter than two years."""
    facts = store.build_info()
    found: bool = (facts["as_of_date"] - facts["first_invoice_date"]).days < 2 * 365
    return found


def draw_report(population: str, model: str, threshold_name: str) -> None:
    """Draw precision and recall of the chosen model."""
    report = questions.churn_report(population, model, threshold_name)
    if report.empty:
        return
    st.subheader("How good are its yes and its no?", anchor=False)
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
                "Precision", "Of those predicted to be in the class, the share that is."
            ),
            "recall_rate": layout.percent_column(
                "Recall", "Of those in the class, the share that was predicted."
            ),
            "f1_score": layout.number_column("F1", "Harmonic mean of the two.", digits=3),
            "support": layout.number_column("Customers"),
        },
    )


def draw_watch() -> None:
    """Draw whether customers, probabilities and results still are as they were."""
    st.header("Does it still hold?", anchor=False)
    past = questions.churn_history()
    judged = past.dropna(subset=["mean_churn_probability", "observed_churn_rate"])
    if judged.empty:
        st.info("No earlier prediction can be judged yet.")
    else:
        layout.show(
            "Did as many leave as predicted?",
            charts.history(judged),
            "Predicted and observed churn at each date at which both are known.",
            "Each point is a day at which churn was predicted and that now is long enough ago "
            "to be judged.",
        )
    draw_drift()


def draw_drift() -> None:
    """Draw what has moved away from the days that the models learned from."""
    drift = questions.drift()
    st.subheader("Are the customers still like those it learned from?", anchor=False)
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
        "How far each feature and the probabilities have moved.",
        {
            "Status": st.column_config.TextColumn("Status", width=90),
            "psi": layout.number_column(
                "PSI", "Population stability index: 0 is no change at all.", digits=3
            ),
            "critical": layout.number_column(
                "Chance", "What chance alone would seldom exceed.", digits=3
            ),
            "In words": st.column_config.TextColumn("In words", width=540),
        },
        row_height=72,
        height=540,
    )
    st.caption(
        "Has moved: by more than chance would and by enough to matter, a PSI above 0.10 or five "
        "points of a share. Only ages: it moves in every shop whose history grows."
    )


def main() -> None:
    """Draw the page."""
    horizon = questions.churn_horizon()
    window = f"{horizon['horizon_days']} days" if horizon else "churn window"
    st.title("Who may leave, and can we trust it?", anchor=False)
    if not layout.nothing_selected():
        draw_prediction(store.segment_names(), store.currency(), window)
    draw_evidence(window)
    draw_watch()


main()
