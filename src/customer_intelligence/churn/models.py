"""The churn models, from the base rate to the average of the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from customer_intelligence.churn.examples import RFM
from customer_intelligence.lifetime_value import choose_purchase_model

# Bounds on the work: so many trees see at most so many examples (on held-out customers
# of the real shop and the sample, 100 trees of 4,000 examples had a log loss higher by .001), and
# predictions are made in batches.
TREES = 60
MAX_TREE_ROWS = 2_000
BATCH_ROWS = 65_536

# No model is surer than this, calibrated or not: a forest may say 0 or 1, whose logit is infinite.
MIN_PROBABILITY = 1e-4
MAX_LOGIT = float(logit(1 - MIN_PROBABILITY))


class SkewLog(TransformerMixin, BaseEstimator):
    """Take sign(x) · log1p(|x|) of the columns whose skewness in training exceeds a limit.

    On columns without negative values, which counts and durations are, that is ``log1p``; the
    sign carries the few customers whose returns exceed their purchases.

    Parameters
    ----------
    limit : float
        Columns with an absolute skewness up to this stay as they are.

    Examples
    --------
    >>> SkewLog().fit_transform(np.array([[0.0, 1], [0, 2], [0, 3], [1000, 4]])).round(2).tolist()
    [[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [6.91, 4.0]]
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


class BuyTillYouDie(ClassifierMixin, BaseEstimator):
    """The probability of no purchase in the window, by a buy-till-you-die model.

    BG/NBD (Fader, Hardie and Lee 2005, doi 10.1287/mksc.1040.0098), or NBD where its dropout
    degenerates. It learns from purchase days alone, without labels: those known at the latest
    cutoff it is fitted on. P(alive) would rank customers backwards: with a single purchase it is 1.

    Parameters
    ----------
    horizon_days : int
        Length of the window.
    """

    def __init__(self, horizon_days: int = 90) -> None:
        self.horizon_days = horizon_days

    def fit(self, X: pd.DataFrame, y: object = None) -> BuyTillYouDie:
        """Fit on X: cutoff_date, purchase_days, tenure_days and days_since_last_order."""
        self.classes_ = np.array([0, 1])
        latest = X[X["cutoff_date"] == X["cutoff_date"].max()]
        self.model_ = choose_purchase_model(*_history(latest)).model
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probabilities of a purchase and of none, shape (n, 2), in the window.

        They are NaN where there were too few customers to fit.
        """
        silent = np.full(len(X), np.nan)
        if self.model_ is not None:
            silent = self.model_.p_no_purchase(self.horizon_days / 7, *_history(X))
        return np.column_stack([1 - silent, silent])


# (feature names, training rows, window in days, random_state) -> an unfitted classifier.
ModelFactory = Callable[[Sequence[str], int, int, int], Pipeline]


def base_rate(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Predict the training share of churners for everyone."""
    return make_pipeline(DummyClassifier(strategy="prior"))


def recency_only(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Logistic regression on days since last order."""
    return _logistic(("days_since_last_order",), seed)


def rfm_logistic(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Logistic regression on days since last order, purchase days and net revenue."""
    return _logistic(RFM, seed)


def buy_till_you_die(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Predict no purchase in the window by BG/NBD or NBD."""
    return make_pipeline(BuyTillYouDie(horizon_days))


def logistic_regression(
    features: Sequence[str], rows: int, horizon_days: int, seed: int
) -> Pipeline:
    """Logistic regression on all features."""
    return _logistic(features, seed)


def random_forest(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Random forest on all features, with bounded leaves and bounded bootstrap samples."""
    forest = RandomForestClassifier(
        n_estimators=TREES,
        min_samples_leaf=20,
        max_leaf_nodes=64,
        max_samples=min(rows, MAX_TREE_ROWS),
        n_jobs=1,
        random_state=seed,
    )
    return make_pipeline(_select(features), forest)


def gradient_boosting(features: Sequence[str], rows: int, horizon_days: int, seed: int) -> Pipeline:
    """Gradient-boosted trees on all features: many small steps of shallow trees."""
    trees = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(_select(features), trees)


# One line here, and one in seeds/churn_models.csv that says how simple it is, add a model.
MODELS: Mapping[str, ModelFactory] = {
    "base_rate": base_rate,
    "recency_only": recency_only,
    "rfm_logistic": rfm_logistic,
    "buy_till_you_die": buy_till_you_die,
    "logistic_regression": logistic_regression,
    "gradient_boosting": gradient_boosting,
    "random_forest": random_forest,
}

# The mean of the logits of these is one more model; a part that could not be fitted is left out.
AVERAGE = "logit_average"
AVERAGED = ("logistic_regression", "gradient_boosting", "random_forest", "buy_till_you_die")


def names(models: Mapping[str, ModelFactory]) -> list[str]:
    """Return the names of the predictions: the models and their average."""
    return [*models, *([AVERAGE] if set(AVERAGED) <= set(models) else [])]


def fit(
    wanted: Iterable[str],
    train: pd.DataFrame,
    features: Sequence[str],
    *,
    horizon_days: int,
    random_state: int,
    models: Mapping[str, ModelFactory] = MODELS,
) -> dict[str, Pipeline]:
    """Fit what the wanted models need.

    Parameters
    ----------
    wanted : iterable of str
        Names of ``models``, or the average.
    train : DataFrame
        Checked examples with a label.
    features : sequence of str
        Columns that models may use.
    horizon_days : int
        Length of the label's window.
    random_state : int
        Seed.
    models : mapping of str to ModelFactory
        Where the names are looked up.

    Returns
    -------
    dict of str to Pipeline
    """
    needed = {part for name in wanted for part in (AVERAGED if name == AVERAGE else (name,))}
    return {
        name: factory(list(features), len(train), horizon_days, random_state).fit(
            train, train["has_churned"].astype(int)
        )
        for name, factory in models.items()
        if name in needed
    }


def predict_logits(
    wanted: Iterable[str],
    fitted: Mapping[str, Pipeline],
    rows: pd.DataFrame,
    batch_rows: int = BATCH_ROWS,
) -> pd.DataFrame:
    """Return the log-odds of churn.

    Parameters
    ----------
    wanted : iterable of str
        Names that ``fitted`` can serve.
    fitted : mapping of str to Pipeline
        Of ``fit``.
    rows : DataFrame
        n checked examples.
    batch_rows : int
        Predicted at a time.

    Returns
    -------
    DataFrame of float64, shape (n, wanted)
        Indexed as ``rows``. NaN where a model could not be fitted.
    """
    parts = {name: _logits(pipeline, rows, batch_rows) for name, pipeline in fitted.items()}
    table = {name: _average(parts) if name == AVERAGE else parts[name] for name in wanted}
    return pd.DataFrame(table, index=rows.index)


def _average(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the mean of the logits that are averaged, shape (n,)."""
    known = [parts[name] for name in AVERAGED if not np.isnan(parts[name]).any()]
    found: np.ndarray = np.mean(known, axis=0)
    return found


def _logits(pipeline: Pipeline, rows: pd.DataFrame, batch_rows: int) -> np.ndarray:
    """Return the logit of the probability of label 1, shape (n,)."""
    starts = range(0, max(len(rows), 1), batch_rows) if len(rows) else ()
    parts = [pipeline.predict_proba(rows.iloc[i : i + batch_rows])[:, 1] for i in starts]
    probability = np.concatenate([np.empty(0), *parts])
    found: np.ndarray = np.clip(logit(probability), -MAX_LOGIT, MAX_LOGIT)
    return found


def _history(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return repeat purchases, weeks from the first to the last, and weeks since the first.

    Explanations mix features of several customers; what no customer could have is taken for the
    nearest that one could.
    """
    age = np.maximum(rows["tenure_days"].to_numpy(), 0) / 7
    repeats = np.floor(np.maximum(rows["purchase_days"].to_numpy() - 1, 0))
    recency = np.clip(age - rows["days_since_last_order"].to_numpy() / 7, 0, age)
    return repeats, np.where(repeats > 0, recency, 0.0), age


def _select(features: Sequence[str]) -> ColumnTransformer:
    """Keep the named columns that have a value in training: of the others nothing is learned."""

    def known(X: pd.DataFrame) -> list[str]:
        return [name for name in features if X[name].notna().any()]

    return ColumnTransformer([("features", "passthrough", known)])


def _logistic(features: Sequence[str], random_state: int) -> Pipeline:
    """Fit a line that knows a null from the training median that stands in for it."""
    return make_pipeline(
        _select(features),
        SimpleImputer(strategy="median", add_indicator=True),
        SkewLog(),
        StandardScaler(),
        LogisticRegression(max_iter=1_000, random_state=random_state),
    )
