"""Whether churn probabilities can be trusted: one line, and the tests that it folds.

Every model was judged on customers and days that it had not seen.
"""

from __future__ import annotations

from typing import Any

import comparisons
import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import churn as charts
from queries import churn as queries

# The first tells whether customers are ranked right, the second whether the percentages are.
RANKING = ("roc_auc", "pr_auc", "top_decile_lift")
LEVEL = (
    "brier_score",
    "log_loss",
    "expected_calibration_error",
    "least_calibration_error",
    "calibration_slope",
)
# A link to one of these opens the evidence.
INSIDE = ("population", "model", "threshold")


def metrics_table(metrics: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Return one row for each model, best ROC AUC first, with intervals in the cells."""
    known = [metric for metric in names if metric in set(metrics["metric"])]
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


def verdict(metrics: pd.DataFrame) -> str:
    """Return in one line whether the probabilities can be trusted: the model against the rules."""
    if not marts_reader.is_ok("churn"):
        return "**Can it be trusted?** No, and so nobody is scored with it."
    scoring = marts_reader.build_info()["churn_scoring_model"]
    areas = metrics[metrics["metric"] == "roc_auc"].set_index("model").dropna(subset="value")
    if scoring not in areas.index:
        return "**Can it be trusted?** It could not be tested."
    own = areas.loc[scoring]
    rules = areas[[wording.is_baseline(model) for model in areas.index]]["value"]
    ranks = (
        f"of one who leaves and one who stays it names the right one in {100 * own['value']:.0f} "
        "of 100 cases"
    )
    if len(rules):
        ranks += f", the best simple rule in {100 * rules.max():.0f}"
    low = own["value"] if pd.isna(own["ci_low"]) else own["ci_low"]
    if low <= 0.5:
        said = "Hardly"
    elif len(rules) and low <= rules.max():
        said = "To rank, yes, though a simple rule may do as well"
    else:
        said = "To rank, yes"
    level = queries.origins()
    level = level[(level["model"] == scoring) & (level["example_set"] == "test")]
    told = "".join(
        f" It expected {wording.percent(row.mean_churn_probability, 0)} to leave, and "
        f"{wording.percent(row.churn_rate, 0)} did."
        for row in level.tail(1).itertuples()
    )
    return f"**Can it be trusted?** {said}: {ranks}.{told}"


def draw(window: str) -> None:
    """Fold the quality of the models on the test window under one line that sums it up."""
    known = marts_reader.query("select distinct model, population from rpt_churn_metrics")
    if known.empty:
        st.info(f"No model could be tested. {marts_reader.why('churn')}")
        return
    found = set(known["population"])
    populations = [name for name in wording.POPULATIONS if name in found] or sorted(found)
    line = verdict(queries.churn_metrics(populations[0]))
    with layout.fold(line, "evidence", INSIDE) as folded:
        if folded.open:
            draw_tests(window, known, populations)


def draw_tests(window: str, known: pd.DataFrame, populations: list[str]) -> None:
    """Draw how the models did on customers they had not seen."""
    left, right = st.columns(2, gap="medium")
    with left:
        population = links.choose(
            st.selectbox,
            "Tested on",
            populations,
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
            "Model in colour",
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
        f"in the {window} from that date."
    )
    draw_curves(population, model)
    draw_confusion(population, model, is_scoring=model == scoring)
    draw_origins(model)
    draw_metrics(metrics)
    draw_importance()
    draw_model_card(window, metrics)


def draw_metrics(metrics: pd.DataFrame) -> None:
    """Draw the metrics of each model."""
    for question, names in (
        ("Is it better than a simple rule?", RANKING),
        ("Are its percentages better?", LEVEL),
    ):
        st.subheader(question, anchor=False)
        table = metrics_table(metrics, names)
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
            height="content",
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


def draw_curves(population: str, model: str) -> None:
    """Draw ROC, precision-recall, calibration and gains, the chosen model in colour."""
    points = queries.churn_curve(population)
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does it rank churners first?",
            charts.roc(points, model),
            "ROC curve of each model.",
            "The closer to the upper left, the better. Diagonal: random ranking.",
        )
    sizes = queries.churn_thresholds(population, model)
    with right:
        if len(sizes) and points["precision_rate"].notna().any():
            churners, stayers = sizes["churners"].iloc[0], sizes["stayers"].iloc[0]
            layout.show(
                "How sure is it of those it names?",
                charts.precision_recall(points, model, churners / (churners + stayers)),
                "Precision against recall of each model.",
                "Recall: share of churners it names. Precision: share of those named who churned. "
                "Dashed: a random choice.",
            )
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "Does a probability of 70 % mean 70 %?",
            charts.calibration(
                comparisons.with_intervals(
                    queries.churn_calibration(population, model), "churners", "customers"
                )
            ),
            "Observed churn against predicted churn by decile of the predicted probability.",
            "One point per tenth of customers, with its 95 % interval. Below the dashed line fewer "
            "churned than predicted; above it, more.",
        )
    with right:
        gains = queries.churn_gains(population)
        if not gains.empty:
            layout.show(
                "How many churners does a campaign reach?",
                charts.gains(gains, model),
                "Share of churners among the customers with the highest probability.",
                "Share of all churners reached by contacting the customers with the highest "
                "probability.",
            )


def draw_confusion(population: str, model: str, *, is_scoring: bool) -> None:
    """Draw who is named at a threshold and who churned, with what offers cost and keep."""
    st.subheader("How often is it wrong?", anchor=False)
    named = queries.churn_thresholds(population, model).set_index("threshold_name")["threshold"]
    percent = links.choose(
        st.select_slider,
        "Offer to customers from a probability of",
        list(range(1, 100)),
        "threshold",
        noun="threshold",
        format_func=lambda value: f"{value} %",
        value=round(100 * float(named.get("fixed", 0.5))),
    )
    links.tell("threshold")
    best = named.get("profit_optimal", 2.0)
    st.caption(
        f"In training offers paid best from {wording.percent(best, 0)} on."
        if best <= 1
        else "In training no offer would have paid, at the assumed cost and response."
    )
    found = queries.churn_confusion(population, model, percent / 100)
    if found.empty:
        return
    row = found.iloc[0]
    left, right = st.columns(2, gap="medium")
    with left:
        layout.draw(charts.confusion(row), "Confusion matrix of the model in colour.")
        st.caption("Counts are right to half a per cent of customers.")
    with right:
        if is_scoring and population == "all_known":
            draw_gain(row)
        draw_report(row)


def draw_gain(row: pd.Series) -> None:
    """Draw what offers to all who were named would have cost and kept."""
    terms, lost = queries.offer_terms(), queries.lost_revenue()
    if not terms or lost.empty:
        return
    contacted = int(row["true_positives"] + row["false_positives"])
    everybody = contacted + int(row["false_negatives"] + row["true_negatives"])
    reached = comparisons.between(
        100 * contacted / everybody,
        [0, *lost["top_percent"]],
        [0.0, *lost["lost_revenue"]],
    )
    currency = marts_reader.currency()
    cost = terms["cost"] * contacted
    kept = terms["response"] * terms["margin"] * reached
    for place, (label, amount) in zip(
        st.columns(3), {"Cost": cost, "Kept": kept, "Gain": kept - cost}.items(), strict=True
    ):
        place.metric(
            label, wording.short_money(amount, currency), help=wording.exactly(amount, currency)
        )
    st.caption(
        f"Had everybody named ({wording.whole(contacted)}) got an offer for "
        f"{wording.as_markdown(wording.money(terms['cost'], currency))}, had "
        f"{wording.percent(terms['response'], 0)} of those who left stayed, and were "
        f"{wording.percent(terms['margin'], 0)} of what they would have spent margin. All three "
        "are assumed."
    )


def draw_report(row: pd.Series) -> None:
    """Draw precision and recall at the threshold."""
    rows = comparisons.classification(
        *(
            int(row[name])
            for name in ("true_positives", "false_positives", "false_negatives", "true_negatives")
        )
    )
    layout.table(
        rows.assign(
            precision_rate=100 * rows["precision_rate"], recall_rate=100 * rows["recall_rate"]
        ),
        "Precision, recall and F1 of the model in colour.",
        {
            "class": st.column_config.TextColumn("Class", width=120),
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
        height="content",
    )


def draw_origins(model: str) -> None:
    """Draw how the models ranked on every day that they predicted."""
    days = queries.origins()
    if days["cutoff_date"].nunique() < 2:
        return
    layout.show(
        "Did it rank as well from other days on?",
        charts.origins(days, model),
        "ROC AUC of each model at every cutoff, predicted from what was known by then.",
        "Every day was predicted from what was known by then, for all customers. "
        f"{wording.model_label(model)} is in colour.",
    )


def draw_importance() -> None:
    """Draw the importance of groups of features."""
    groups = queries.churn_importance()
    if groups.empty:
        return
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


def draw_model_card(window: str, metrics: pd.DataFrame) -> None:
    """Draw the model card: prediction, choice, evaluation, use and limits."""
    st.subheader("What is the model for, and what not?", anchor=False)
    with st.container(border=True):
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
    days = queries.origins()
    areas = days.loc[days["model"] == marts_reader.build_info()["churn_scoring_model"], "roc_auc"]
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
