"""Probabilities of no purchase in the window: simple rules, a tutorial, the project's models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from jinja2 import Template

from benchmarks.scoreboard.protocol import STEP_DAYS, before, outcomes, summarise
from benchmarks.scoreboard.shops import ROOT
from customer_intelligence import churn

LEAKY = "tutorial that predicts its own threshold"
CHOSEN = "chosen by the project's rule (ours)"
SHOWN = {
    "base_rate": "base rate",
    "recency_only": "logistic regression on recency",
    "rfm_logistic": "logistic regression on recency, frequency and money",
    "buy_till_you_die": "BG/NBD or NBD: probability of no purchase",
}
# What purchase days alone can tell; null where a customer has one purchase.
FEATURES = (
    "days_since_last_order",
    "purchase_days",
    "net_revenue",
    "tenure_days",
    "purchase_days_30d",
    "purchase_days_90d",
    "net_revenue_90d",
    "mean_gap_days",
    "silence_over_mean_gap",
)
# The project's defaults: cutoffs that models learn from, and cutoffs that choose among models.
TRAINING_CUTOFFS, CUTOFFS, SEED = 12, 24, 42
RULE = ("ml_churn_losses", "ml_churn_model_selection")
SIMPLICITY = ROOT / "seeds" / "churn_models.csv"


def probabilities(known: pd.DataFrame, cutoff: pd.Timestamp, days: int) -> dict[str, pd.DataFrame]:
    """Return the probability of churn by customer and method, and what the tutorial calls churn."""
    return judged(_examples(known, cutoff, days), FEATURES, days)


def judged(examples: pd.DataFrame, features: Sequence[str], days: int) -> dict[str, pd.DataFrame]:
    """Return the same for any examples, whose outcome at the test cutoff is a constant."""
    options = {"horizon_days": days, "random_state": SEED}
    found = churn.fit_predict(examples, features, max_train_cutoffs=TRAINING_CUTOFFS, **options)
    wide = found[found["example_set"] == "test"].pivot(
        index="customer_id", columns="model", values="churn_probability"
    )
    table = wide[list(SHOWN)].rename(columns=SHOWN)
    chosen = choose(found, examples, days)
    table[CHOSEN] = wide[chosen]
    tutorial = churn.leaky_baseline(examples, features, **options).set_index("customer_id")
    table[LEAKY] = tutorial["churn_probability"]
    table.attrs["chosen"] = chosen
    return {"churn": table, "called": tutorial[["is_called_churned"]]}


def of_build(
    data_dir: Path, cutoff: pd.Timestamp, days: int
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, int] | None:
    """Return the same with the features of a build, the outcomes, and how many features.

    None without a build that has this cutoff and window. That its SQL looks at nothing on or after
    a cutoff, the tests of the models say.
    """
    path = data_dir / "build" / "warehouse.duckdb"
    if not path.exists():
        return None
    with duckdb.connect(str(path), read_only=True) as build:
        examples = (
            build.table("intermediate.int_churn_examples").filter("example_set <> 'current'").df()
        )
        features = churn.chosen_features(build.table("reference.churn_features").df(), None)
    is_test = examples["example_set"] == "test"
    if set(examples["horizon_days"]) != {days} or set(examples[is_test]["cutoff_date"]) != {cutoff}:
        return None
    actual = examples[is_test].set_index("customer_id")[["has_churned"]].astype(float)
    is_over = examples["cutoff_date"] + pd.Timedelta(days=days) <= cutoff
    outcome = examples["has_churned"].astype(float).mask(is_test, 0.0)
    examples = examples.assign(has_churned=outcome)[is_test | is_over]
    found = judged(examples.sort_values(["cutoff_date", "customer_id"]), features, days)
    return found, actual.rename(columns={"has_churned": "churn"}), len(features)


def choose(predictions: pd.DataFrame, examples: pd.DataFrame, days: int) -> str:
    """Choose a model by the project's own SQL, on the frames of one cutoff."""
    cutoffs = examples.groupby("cutoff_date", as_index=False)["example_set"].first()
    day = cutoffs["cutoff_date"]
    end = day + pd.Timedelta(days=days)
    known = np.array([min((end <= one).sum(), TRAINING_CUTOFFS) for one in day])
    cutoffs = cutoffs.assign(
        label_end_date=end.dt.date, known_cutoffs=known, cutoff_date=day.dt.date
    )
    with duckdb.connect() as memory:
        memory.register("ml_churn_predictions", predictions)
        memory.register("int_churn_cutoffs", cutoffs)
        memory.register(
            "int_churn_examples",
            examples.assign(
                has_churned=examples["has_churned"] == 1,
                cutoff_date=examples["cutoff_date"].dt.date,
            ),
        )
        memory.register("churn_models", pd.read_csv(SIMPLICITY))
        for name in RULE:
            text = (ROOT / "models" / "ml" / "churn" / f"{name}.sql").read_text("utf-8")
            sql = Template(text).render(ref=str, var=lambda _: None)
            memory.execute(f"create table {name} as {sql}")
        rule = "select model from ml_churn_model_selection where is_chosen"
        row = memory.execute(rule).fetchone()
    if row is None:
        raise ValueError("no churn model could be judged")
    return str(row[0])


def _examples(known: pd.DataFrame, cutoff: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return the examples of the cutoff, without their outcome, and those known before it."""
    # Nobody knows the outcome yet: a constant stands for it, which no model may read.
    parts = [_at(known, cutoff).assign(example_set="test", has_churned=0)]
    for step in range(CUTOFFS):
        day = cutoff - pd.Timedelta(days=days + STEP_DAYS * step)
        if (day - known["day"].min()).days < days:
            break
        table = _at(known, day)
        came = outcomes(known, day, days, pd.Index(table["customer_id"]))
        example_set = "train" if step < TRAINING_CUTOFFS else "rolling"
        parts.append(table.assign(example_set=example_set, has_churned=came["churn"].to_numpy()))
    return pd.concat(parts, ignore_index=True)


def _at(known: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    table = summarise(before(known, cutoff), cutoff)[list(FEATURES)]
    return table.rename_axis("customer_id").reset_index().assign(cutoff_date=cutoff)
