"""The churn models, from the base rate to the average of the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from customer_intelligence.churn.examples import RFM
from customer_intelligence.churn.fitting import (
    Sample,
    fit_line,
    fit_prior,
    fit_purchases,
    fit_trees,
    no_plain_form,
)
from customer_intelligence.scoring import (
    BATCH_ROWS,
    KINDS,
    Linear,
    Parameters,
    Purchases,
    Trees,
    score,
)

# Bounds on the work: so many trees see at most so many examples, and so many steps are taken. Over
# the rolling origins of the real shop and the sample, 100 steps half as long took twice the time
# and moved the log loss of boosting by less than .0008, either way. A forest of 40 trees on 1,000
# examples was better by .001 on one shop and worse by .0014 on the other, so it stays as it was.
TREES = 60
MAX_TREE_ROWS = 2_000
BOOSTING_STEPS = 50

# A sample -> plain parameters, or None where it is too small for the model.
ModelFit = Callable[[Sample], Parameters | None]


def base_rate(sample: Sample) -> Linear:
    """Predict the training share of churners for everyone."""
    return fit_prior(sample)


def recency_only(sample: Sample) -> Linear:
    """Logistic regression on days since last order."""
    return fit_line(sample, ("days_since_last_order",))


def rfm_logistic(sample: Sample) -> Linear:
    """Logistic regression on days since last order, purchase days and net revenue."""
    return fit_line(sample, RFM)


def buy_till_you_die(sample: Sample) -> Purchases | None:
    """Predict no purchase in the window by BG/NBD or NBD."""
    return fit_purchases(sample)


def logistic_regression(sample: Sample) -> Linear:
    """Logistic regression on all features."""
    return fit_line(sample, sample.features)


def random_forest(sample: Sample) -> Trees:
    """Random forest on all features, with bounded leaves and bounded bootstrap samples."""
    forest = RandomForestClassifier(
        n_estimators=TREES,
        min_samples_leaf=20,
        max_leaf_nodes=64,
        max_samples=min(len(sample.labels), MAX_TREE_ROWS),
        n_jobs=1,
        random_state=sample.random_state,
    )
    return fit_trees(sample, forest)


def gradient_boosting(sample: Sample) -> Trees:
    """Gradient-boosted trees on all features: small steps of shallow trees."""
    trees = HistGradientBoostingClassifier(
        max_iter=BOOSTING_STEPS,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=sample.random_state,
    )
    return fit_trees(sample, trees)


# One line here, and one in seeds/churn_models.csv that says how simple it is, add a model.
MODELS: Mapping[str, ModelFit] = {
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


def names(models: Mapping[str, ModelFit]) -> list[str]:
    """Return the names of the predictions: the models and their average."""
    return [*models, *([AVERAGE] if set(AVERAGED) <= set(models) else [])]


def fit(
    wanted: Iterable[str], sample: Sample, models: Mapping[str, ModelFit] = MODELS
) -> dict[str, Parameters | None]:
    """Fit what the wanted models need.

    Parameters
    ----------
    wanted : iterable of str
        Names of ``models``, or the average.
    sample : Sample
    models : mapping of str to ModelFit
        Where the names are looked up.

    Returns
    -------
    dict of str to Parameters or None
        None for a model that the sample is too small for.

    Raises
    ------
    CustomerIntelligenceError
        ``E_NO_PLAIN_FORM`` for a model that gives something else.
    """
    needed = {part for name in wanted for part in (AVERAGED if name == AVERAGE else (name,))}
    fitted = {name: learn(sample) for name, learn in models.items() if name in needed}
    for name, part in fitted.items():
        if part is not None and not isinstance(part, tuple(KINDS.values())):
            raise no_plain_form(f"The churn model {name} gives {type(part).__name__}.")
    return fitted


def predict_logits(
    wanted: Iterable[str],
    fitted: Mapping[str, Parameters | None],
    rows: pd.DataFrame,
    batch_rows: int = BATCH_ROWS,
) -> pd.DataFrame:
    """Return the log-odds of churn.

    Parameters
    ----------
    wanted : iterable of str
        Names that ``fitted`` can serve.
    fitted : mapping of str to Parameters or None
        Of ``fit``.
    rows : DataFrame
        n checked examples.
    batch_rows : int
        Scored at a time.

    Returns
    -------
    DataFrame of float64, shape (n, wanted)
        Indexed as ``rows``. NaN where a model could not be fitted.
    """
    known = {name: score(part, rows, batch_rows) for name, part in fitted.items() if part}
    unknown = np.full(len(rows), np.nan)
    averaged = [known[name] for name in AVERAGED if name in known]
    table = {
        name: np.mean(averaged, axis=0) if name == AVERAGE else known.get(name, unknown)
        for name in wanted
    }
    return pd.DataFrame(table, index=rows.index)
