"""Churn models: fit on labelled examples, predict later ones.

An example is a customer as known just before a cutoff date; its label says whether the customer
bought nothing in the ``horizon_days`` from the cutoff on. Test examples are predicted by models
fitted on the training examples, current ones by the same models refitted on everything labelled.
A probability that nothing tested is not given: where the test examples cannot be predicted, the
current ones are not either. Nothing is evaluated here: that is SQL's work. The functions know no
engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from customer_intelligence.clusters import (
    INSUFFICIENT_DATA,
    OK,
    numeric,
    sample_positions,
    text_ids,
)

EXAMPLE_SETS = ("train", "test", "current")
RFM = ("days_since_last_order", "orders", "net_revenue")

# Below this many customers the models say nothing that the base rate does not.
MIN_CUSTOMERS = 500

# Bounds on the work: a fit sees at most this many examples, a tree at most this many of them, and
# predictions are made in batches.
MAX_TRAIN_ROWS = 100_000
MAX_TREE_ROWS = 20_000
BATCH_ROWS = 65_536

# (feature names, training rows, random_state) -> an unfitted pipeline.
ModelFactory = Callable[[Sequence[str], int, int], Pipeline]

_PREDICTIONS = {
    "customer_id": "string",
    "cutoff_date": "datetime64[us]",
    "example_set": "string",
    "model": "string",
    "churn_probability": "float64",
    "model_status": "string",
}


class SkewLog(TransformerMixin, BaseEstimator):
    """Take sign(x) · log1p(|x|) of the columns whose skewness in training exceeds a limit.

    On columns without negative values, which counts and durations are, that is ``log1p``; the
    sign carries the few customers whose returns exceed their purchases.

    Parameters
    ----------
    limit : float
        Columns with an absolute skewness up to this stay as they are.
    """

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = limit

    def fit(self, X: np.ndarray, y: object = None) -> SkewLog:
        """Decide which columns are skewed; X has the shape (n, features), without nulls."""
        self.is_skewed_ = pd.DataFrame(X).skew().abs().to_numpy() > self.limit
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return X with the skewed columns compressed."""
        return np.where(self.is_skewed_, np.sign(X) * np.log1p(np.abs(X)), X)


def base_rate(features: Sequence[str], rows: int, random_state: int) -> Pipeline:
    """Predict the training share of churners for everyone."""
    return make_pipeline(DummyClassifier(strategy="prior"))


def recency_only(features: Sequence[str], rows: int, random_state: int) -> Pipeline:
    """Logistic regression on days since last order."""
    return _logistic(("days_since_last_order",), random_state)


def rfm_logistic(features: Sequence[str], rows: int, random_state: int) -> Pipeline:
    """Logistic regression on days since last order, orders and net revenue."""
    return _logistic(RFM, random_state)


def logistic_regression(features: Sequence[str], rows: int, random_state: int) -> Pipeline:
    """Logistic regression on all features."""
    return _logistic(features, random_state)


def random_forest(features: Sequence[str], rows: int, random_state: int) -> Pipeline:
    """Random forest on all features, with bounded leaves and bounded bootstrap samples."""
    forest = RandomForestClassifier(
        n_estimators=200,
        min_samples_leaf=20,
        max_leaf_nodes=64,
        max_samples=min(rows, MAX_TREE_ROWS),
        n_jobs=1,
        random_state=random_state,
    )
    return make_pipeline(_select(features), _impute(), forest)


# One line adds a model.
MODELS: Mapping[str, ModelFactory] = {
    "base_rate": base_rate,
    "recency_only": recency_only,
    "rfm_logistic": rfm_logistic,
    "logistic_regression": logistic_regression,
    "random_forest": random_forest,
}


def fit_predict(
    examples: pd.DataFrame,
    features: Sequence[str],
    *,
    horizon_days: int,
    random_state: int,
    min_customers: int = MIN_CUSTOMERS,
    max_train_rows: int = MAX_TRAIN_ROWS,
    batch_rows: int = BATCH_ROWS,
    models: Mapping[str, ModelFactory] = MODELS,
) -> pd.DataFrame:
    """Predict the probability of churn of the test and the current examples.

    Parameters
    ----------
    examples : DataFrame
        One row for each example, in any order: customer_id (text), cutoff_date, example_set
        ('train', 'test' or 'current'), has_churned (0/1 or bool; not read for current examples)
        and the features. A null feature means "not defined" and takes the training median.
    features : sequence of str
        Names of the numeric columns that models may use, those of ``RFM`` among them.
    horizon_days : int
        Length of the label's window in days.
    random_state : int
        Seed.
    min_customers : int
        With fewer labelled customers nothing is fitted.
    max_train_rows : int
        A fit uses at most this many examples: those of the customers with the smallest md5 of
        their id, so the sample does not depend on the engine or the seed.
    batch_rows : int
        Predictions are made for this many rows at a time.
    models : mapping of str to ModelFactory
        What to fit.

    Returns
    -------
    DataFrame
        One row for each test or current example and model, sorted by model (in the mapping's
        order), cutoff_date and customer_id: customer_id, cutoff_date, example_set, model,
        churn_probability (0…1), model_status ('ok' or 'insufficient_data', the probability then
        null: too few labelled customers, all with the same label, or nothing to test on).

    Raises
    ------
    ValueError
        Naming the column or value that is missing, null, infinite or unknown; for an example that
        occurs twice; and where a label's window reaches into or past the cutoff of an example that
        is predicted from it.
    """
    table = _checked(examples, features)
    _refuse_overlap(table, horizon_days)
    parts = []
    is_tested = False
    for predicted, labelled in (("test", ["train"]), ("current", ["train", "test"])):
        known = table[table["example_set"].isin(labelled)]
        train = known.iloc[sample_positions(known["customer_id"], max_train_rows)]
        target = table[table["example_set"] == predicted]
        is_enough = (
            known["customer_id"].nunique() >= min_customers
            and train["has_churned"].nunique() == 2
            and (predicted == "test" or is_tested)
        )
        is_tested = is_enough and len(target) > 0
        for name, factory in models.items():
            part = target[["customer_id", "cutoff_date", "example_set"]].assign(
                model=name,
                churn_probability=np.nan,
                model_status=OK if is_enough else INSUFFICIENT_DATA,
            )
            if is_enough and len(target):
                pipeline = factory(list(features), len(train), random_state)
                with threadpool_limits(limits=1):
                    pipeline.fit(train[list(features)], train["has_churned"].astype("int64"))
                    part["churn_probability"] = _probabilities(
                        pipeline, target[list(features)], batch_rows
                    )
            parts.append(part)
    if not parts:
        raise ValueError("models is empty")
    order = {name: position for position, name in enumerate(models)}
    result = pd.concat(parts, ignore_index=True)
    result = result.assign(position=result["model"].map(order)).sort_values(
        ["position", "cutoff_date", "customer_id"], ignore_index=True, kind="stable"
    )
    return result[list(_PREDICTIONS)].astype(_PREDICTIONS)


def describe_fit(examples: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """Say what was fitted in one progress line.

    Parameters
    ----------
    examples, predictions : DataFrame
        The input and the output of ``fit_predict``.

    Returns
    -------
    str
    """
    sets = examples["example_set"].value_counts()
    if not (predictions["model_status"] == OK).any():
        customers = examples.loc[examples["example_set"] == "train", "customer_id"].nunique()
        return f"churn: skipped (too little to learn from {customers:,} training customers)"
    return (
        f"churn: {predictions['model'].nunique()} models on {sets.get('train', 0):,} examples … "
        f"predicted {sets.get('test', 0):,} test and {sets.get('current', 0):,} current customers"
    )


def _select(features: Sequence[str]) -> ColumnTransformer:
    """Keep the named columns."""
    return ColumnTransformer([("features", "passthrough", list(features))])


def _impute() -> SimpleImputer:
    """Fill nulls with the training median; a feature without any value becomes 0."""
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _logistic(features: Sequence[str], random_state: int) -> Pipeline:
    return make_pipeline(
        _select(features),
        _impute(),
        SkewLog(),
        StandardScaler(),
        LogisticRegression(max_iter=1_000, random_state=random_state),
    )


def _checked(examples: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return the typed examples, sorted by cutoff and customer."""
    for column in ("cutoff_date", "example_set", "has_churned"):
        if column not in examples.columns:
            raise ValueError(f"column {column!r} is missing")
    for name in RFM:
        if name not in features:
            raise ValueError(f"features lack {name!r}")
    reserved = sorted({"customer_id", "cutoff_date", "example_set", "has_churned"} & set(features))
    if reserved:
        raise ValueError(f"features must not hold {reserved}")
    table = pd.DataFrame({name: numeric(examples, name) for name in features})
    table["customer_id"] = text_ids(examples).to_numpy()
    table["cutoff_date"] = pd.to_datetime(examples["cutoff_date"]).to_numpy()
    table["example_set"] = examples["example_set"].astype("string").to_numpy()
    table["has_churned"] = numeric(examples, "has_churned")
    keys = ("customer_id", "cutoff_date", "example_set")
    table = table.astype({key: _PREDICTIONS[key] for key in keys})
    unknown = sorted(set(table["example_set"].fillna("null")) - set(EXAMPLE_SETS))
    if unknown:
        raise ValueError(f"column 'example_set' holds {unknown}, not one of {EXAMPLE_SETS}")
    if table["cutoff_date"].isna().any():
        raise ValueError("column 'cutoff_date' holds a null")
    if not table.loc[table["example_set"] != "current", "has_churned"].isin([0, 1]).all():
        raise ValueError("column 'has_churned' must be 0 or 1 for train and test examples")
    if table.duplicated(["cutoff_date", "customer_id"]).any():
        raise ValueError("a customer occurs twice at one cutoff_date")
    return table.sort_values(["cutoff_date", "customer_id"], ignore_index=True)


def _refuse_overlap(table: pd.DataFrame, horizon_days: int) -> None:
    """Refuse labels that were not yet known when a predicted example was cut off."""
    cutoffs = table.groupby("example_set")["cutoff_date"].agg(["min", "max"])
    horizon = pd.Timedelta(days=horizon_days)
    for earlier, later in (("train", "test"), ("train", "current"), ("test", "current")):
        if not {earlier, later} <= set(cutoffs.index):
            continue
        last, first = cutoffs.loc[earlier, "max"], cutoffs.loc[later, "min"]
        if last + horizon > first:
            raise ValueError(
                f"the label of the {earlier} cutoff {last.date()} reaches {horizon_days} days "
                f"ahead, past the {later} cutoff {first.date()}"
            )


def _probabilities(pipeline: Pipeline, rows: pd.DataFrame, batch_rows: int) -> np.ndarray:
    """Return the probability of label 1, shape (n,)."""
    starts = range(0, len(rows), batch_rows)
    return np.concatenate(
        [pipeline.predict_proba(rows.iloc[i : i + batch_rows])[:, 1] for i in starts]
    )
