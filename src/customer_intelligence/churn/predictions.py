"""Fit every churn model and predict what comes after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from customer_intelligence.churn import models as churn_models
from customer_intelligence.churn.calibration import (
    Calibration,
    fit_calibration,
    is_enough_for_a_level,
    season_before,
    seasonal_shift,
)
from customer_intelligence.churn.examples import (
    FOLDS,
    KEYS,
    MAX_TRAIN_ROWS,
    MIN_CUSTOMERS,
    checked,
    folds_of,
    labelled,
)
from customer_intelligence.churn.models import BATCH_ROWS, MODELS, ModelFactory
from customer_intelligence.frames import INSUFFICIENT_DATA, OK, sample_positions

# Out-of-fold predictions are made of at most this many training examples.
MAX_VALIDATION_ROWS = 20_000

# These say what they say: their level is part of what is judged.
UNCALIBRATED = ("base_rate", "buy_till_you_die")

_PREDICTIONS = {
    **KEYS,
    "model": "string",
    "churn_probability": "float64",
    "seasonal_cutoff_date": "datetime64[us]",
    "model_status": "string",
}


def fit_predict(
    examples: pd.DataFrame,
    features: Sequence[str],
    *,
    horizon_days: int,
    random_state: int,
    min_customers: int = MIN_CUSTOMERS,
    max_train_rows: int = MAX_TRAIN_ROWS,
    max_validation_rows: int = MAX_VALIDATION_ROWS,
    batch_rows: int = BATCH_ROWS,
    models: Mapping[str, ModelFactory] = MODELS,
) -> pd.DataFrame:
    """Predict the probability of churn of training customers held out, test and current ones.

    1. Training examples are predicted by models that never saw their customer (``FOLDS`` folds of
       customers): the validation rows, from which the scoring model is chosen.
    2. Models fitted on all training examples predict the test examples, models fitted on
       everything labelled the current ones. Both are calibrated by the line that the validation
       rows give, and take their level from the season a year before where it is known.

    A probability that nothing tested is not given: where the test examples cannot be predicted, the
    current ones are not either.

    Parameters
    ----------
    examples, features, horizon_days
        As for ``examples.checked``.
    random_state : int
        Seed.
    min_customers : int
        With fewer labelled customers nothing is fitted.
    max_train_rows, max_validation_rows : int
        Bounds on the work: a fit uses at most so many examples, and so many are held out.
    batch_rows : int
        Predictions are made for this many rows at a time.
    models : mapping of str to ModelFactory
        What to fit; the average of logits is added.

    Returns
    -------
    DataFrame
        One row for each predicted example and model, sorted by model (in the mapping's order),
        cutoff_date, customer_id and example_set: customer_id, cutoff_date, example_set
        ('validation', 'test' or 'current'), model, churn_probability (0…1), seasonal_cutoff_date
        (of the season before whose level was taken, else null), model_status ('ok' or
        'insufficient_data', the probability then null).

    Raises
    ------
    ValueError
        As ``examples.checked``.
    """
    table = checked(examples, features, horizon_days)
    names = churn_models.names(models)
    options: dict[str, Any] = {
        "horizon_days": horizon_days,
        "random_state": random_state,
        "models": models,
    }
    train = labelled(table, "test", max_train_rows)
    held_out = train.iloc[sample_positions(train["customer_id"], max_validation_rows)]
    folds = folds_of(held_out["customer_id"])
    is_enough = (
        (table["example_set"] == "test").any()
        and train["customer_id"].nunique() >= min_customers
        and all(held_out.loc[folds != fold, "has_churned"].nunique() == 2 for fold in range(FOLDS))
    )
    if not is_enough:
        target = table[table["example_set"] != "train"]
        return _rows(target, pd.DataFrame(np.nan, index=target.index, columns=names))

    with threadpool_limits(limits=1):
        logits = _out_of_fold(held_out, folds, names, features, options, batch_rows)
        labels = held_out["has_churned"].to_numpy()
        lines = _calibrations(logits, labels, names)
        # Each fold by the line of the other folds: no customer judges the line it was part of.
        validation = logits.copy()
        for fold in range(FOLDS):
            is_in = folds == fold
            for name, line in _calibrations(logits[~is_in], labels[~is_in], names).items():
                validation.loc[is_in, name] = line(logits.loc[is_in, name])
        parts = [_rows(held_out.assign(example_set="validation"), validation)]
        for predicted in ("test", "current"):
            target = table[table["example_set"] == predicted]
            known = labelled(table, predicted, max_train_rows)
            fitted = churn_models.fit(names, known, features, **options)
            found = churn_models.predict_logits(names, fitted, target, batch_rows)
            found = found.apply(lambda column: lines[column.name](column))
            for cutoff, rows in target.groupby("cutoff_date"):
                year_ago = season_before(cutoff, held_out["cutoff_date"])
                here = found.loc[rows.index]
                then = (held_out["cutoff_date"] == year_ago).to_numpy()
                if not is_enough_for_a_level(labels[then]):
                    year_ago = None
                if year_ago is not None:
                    here = here + [
                        0.0
                        if name in UNCALIBRATED
                        else seasonal_shift(validation.loc[then, name], labels[then])
                        for name in names
                    ]
                parts.append(_rows(rows, here, year_ago))
    result = pd.concat(parts)
    order = {name: position for position, name in enumerate(names)}
    keys = [result["model"].map(order), result["cutoff_date"], result["customer_id"]]
    positions = np.lexsort([key.to_numpy() for key in reversed(keys)])
    return result.iloc[positions].reset_index(drop=True)


def describe_fit(examples: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """Return one progress line on what was fitted.

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


def _out_of_fold(
    rows: pd.DataFrame,
    folds: np.ndarray,
    names: Sequence[str],
    features: Sequence[str],
    options: Mapping[str, Any],
    batch_rows: int,
) -> pd.DataFrame:
    """Return the log-odds of every row by models that never saw its customer."""
    parts = []
    for fold in range(FOLDS):
        fitted = churn_models.fit(names, rows[folds != fold], features, **options)
        parts.append(churn_models.predict_logits(names, fitted, rows[folds == fold], batch_rows))
    return pd.concat(parts).loc[rows.index]


def _calibrations(
    logits: pd.DataFrame, labels: np.ndarray, names: Sequence[str]
) -> dict[str, Calibration]:
    """Return the line of each model."""
    return {
        name: Calibration()
        if name in UNCALIBRATED
        else fit_calibration(logits[name].to_numpy(), labels)
        for name in names
    }


def _rows(
    examples: pd.DataFrame, logits: pd.DataFrame, seasonal_cutoff: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Return one row for each example and model, model by model."""
    keys = examples[list(KEYS)]
    logits = logits.clip(-churn_models.MAX_LOGIT, churn_models.MAX_LOGIT)
    parts = [
        keys.assign(
            model=name,
            churn_probability=expit(logits[name]),
            seasonal_cutoff_date=pd.NaT if name in UNCALIBRATED else seasonal_cutoff,
            model_status=np.where(logits[name].isna(), INSUFFICIENT_DATA, OK),
        )
        for name in logits
    ]
    return pd.concat(parts, ignore_index=True)[list(_PREDICTIONS)].astype(_PREDICTIONS)
