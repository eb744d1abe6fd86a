"""Judge every churn model on cutoffs after those it learned from, and score with the chosen one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

from customer_intelligence.churn import models as churn_models
from customer_intelligence.churn.calibration import (
    Calibration,
    SeasonEvidence,
    SeasonLevel,
    fit_calibration,
)
from customer_intelligence.churn.examples import (
    FOLDS,
    KEYS,
    MAX_TRAIN_CUTOFFS,
    MAX_TRAIN_ROWS,
    MIN_CUSTOMERS,
    checked,
    folds_of,
    known_before,
    labelled,
)
from customer_intelligence.churn.models import BATCH_ROWS, MODELS, ModelFactory
from customer_intelligence.frames import INSUFFICIENT_DATA, OK, sample_positions

# Out-of-fold predictions are made of at most this many training examples; a cutoff before the test
# cutoff is predicted by models that learned from as many.
MAX_VALIDATION_ROWS = 20_000

# Models are judged on at most so many customers of a cutoff.
MAX_JUDGED_CUSTOMERS = 20_000

# A cutoff is judged where models can learn from so many before it.
MIN_KNOWN_CUTOFFS = 2

# These say what they say: their level is part of what is judged.
UNCALIBRATED = ("base_rate", "buy_till_you_die")

_SCORES = {
    **KEYS,
    "model": "string",
    "churn_probability": "float64",
    "seasonal_cutoff_date": "datetime64[us]",
    "model_status": "string",
}
_PREDICTIONS = {**_SCORES, "uncalibrated_probability": "float64", "seasonal_probability": "float64"}


def fit_predict(
    examples: pd.DataFrame,
    features: Sequence[str],
    *,
    horizon_days: int,
    random_state: int,
    min_customers: int = MIN_CUSTOMERS,
    max_train_cutoffs: int = MAX_TRAIN_CUTOFFS,
    max_train_rows: int = MAX_TRAIN_ROWS,
    max_validation_rows: int = MAX_VALIDATION_ROWS,
    max_judged_customers: int = MAX_JUDGED_CUSTOMERS,
    batch_rows: int = BATCH_ROWS,
    models: Mapping[str, ModelFactory] = MODELS,
) -> pd.DataFrame:
    """Predict the probability of churn of customers whose outcome is known, to judge the models.

    1. Training examples are predicted by models that never saw their customer (``FOLDS`` folds of
       customers): the validation rows, which give each model the line that calibrates it.
    2. Rolling origins (Tashman, 2000, doi 10.1016/S0169-2070(00)00065-0): every cutoff with at
       least two cutoffs before it whose windows were over by then is predicted by models that
       learned from those. The last of them is the test cutoff. Only its predictions are calibrated,
       because four further fits for every cutoff would cost more than the line moves.
    3. A cutoff takes the level of the season a year before where cutoffs before it show that this
       helps (``SeasonEvidence``).

    Parameters
    ----------
    examples, features, horizon_days
        As for ``examples.checked``.
    random_state : int
        Seed.
    min_customers : int
        With fewer labelled customers nothing is fitted.
    max_train_cutoffs, max_train_rows : int
        A fit learns from the latest so many cutoffs, and from at most so many examples.
    max_validation_rows, max_judged_customers : int
        So many examples are held out at most, and so many customers of a cutoff are judged.
    batch_rows : int
        Predictions are made for this many rows at a time.
    models : mapping of str to ModelFactory
        What to fit; the average of logits is added.

    Returns
    -------
    DataFrame
        One row for each predicted example, set and model, sorted by model (in the mapping's order),
        cutoff_date, customer_id and example_set: customer_id, cutoff_date, example_set
        ('validation', 'rolling' or 'test'), model, churn_probability (0…1), seasonal_cutoff_date
        (of the season before whose level was taken, else null), model_status ('ok' or
        'insufficient_data', the probability then null), uncalibrated_probability (before line and
        level), seasonal_probability (with the level of the season before, taken or not; null
        without one).

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
    bounds = {"max_cutoffs": max_train_cutoffs, "max_rows": max_train_rows}
    train = labelled(table, "test", horizon_days, **bounds)
    held_out = train.iloc[sample_positions(train["customer_id"], max_validation_rows)]
    folds = folds_of(held_out["customer_id"])
    is_enough = train["customer_id"].nunique() >= min_customers and all(
        held_out.loc[folds != fold, "has_churned"].nunique() == 2 for fold in range(FOLDS)
    )
    if not is_enough:
        target = table[table["example_set"] == "test"]
        return _rows(target, pd.DataFrame(np.nan, index=target.index, columns=names))

    with threadpool_limits(limits=1):
        logits = _out_of_fold(held_out, folds, names, features, options, batch_rows)
        labels = held_out["has_churned"].to_numpy()
        # Each fold by the line of the other folds: no customer judges the line it was part of.
        validation = logits.copy()
        for fold in range(FOLDS):
            is_in = folds == fold
            for name, line in _calibrations(logits[~is_in], labels[~is_in], names).items():
                validation.loc[is_in, name] = line(logits.loc[is_in, name])
        parts = [_rows(held_out.assign(example_set="validation"), validation, raw=logits)]
        lines = _calibrations(logits, labels, names)
        past = SeasonEvidence(horizon_days, UNCALIBRATED)
        for cutoff in _judged_cutoffs(table, horizon_days, min_customers, bounds):
            rows = table[(table["cutoff_date"] == cutoff) & (table["example_set"] != "current")]
            rows = rows.iloc[sample_positions(rows["customer_id"], max_judged_customers)]
            is_test = rows["example_set"].iloc[0] == "test"
            largest = max_train_rows if is_test else min(max_train_rows, max_validation_rows)
            known = known_before(
                table, cutoff, horizon_days, max_cutoffs=max_train_cutoffs, max_rows=largest
            )
            fitted = churn_models.fit(names, known, features, **options)
            raw = churn_models.predict_logits(names, fitted, rows, batch_rows)
            found = raw.apply(lambda column: lines[column.name](column)) if is_test else raw
            parts.append(
                _rows(
                    rows.assign(example_set="test" if is_test else "rolling"),
                    found,
                    raw=raw,
                    season=past.level(cutoff, found),
                )
            )
            past.add(cutoff, found, rows["has_churned"].to_numpy())
    result = pd.concat(parts)
    order = {name: position for position, name in enumerate(names)}
    keys = [result[name] for name in ("cutoff_date", "customer_id", "example_set")]
    positions = np.lexsort(
        [key.to_numpy() for key in reversed([result["model"].map(order), *keys])]
    )
    return result.iloc[positions].reset_index(drop=True)


def score(
    examples: pd.DataFrame,
    features: Sequence[str],
    model: str | None,
    predictions: pd.DataFrame,
    *,
    horizon_days: int,
    random_state: int,
    max_train_cutoffs: int = MAX_TRAIN_CUTOFFS,
    max_train_rows: int = MAX_TRAIN_ROWS,
    batch_rows: int = BATCH_ROWS,
) -> pd.DataFrame:
    """Predict the current customers by the chosen model, refitted on all that is known.

    Parameters
    ----------
    examples, features, horizon_days, random_state
        As for ``fit_predict``.
    model : str or None
        The model that was chosen; None where none could be judged.
    predictions : DataFrame
        Of ``fit_predict``: its validation rows give the line, its judged rows the level.
    max_train_cutoffs, max_train_rows, batch_rows : int
        As for ``fit_predict``.

    Returns
    -------
    DataFrame
        One row for each current customer, sorted by customer_id: customer_id, cutoff_date,
        example_set ('current'), model, churn_probability, seasonal_cutoff_date and model_status,
        as in ``fit_predict``. Empty without a model: a probability that nothing tested is not
        given.
    """
    table = checked(examples, features, horizon_days)
    target = table[table["example_set"] == "current"]
    if model is None or target.empty:
        return pd.DataFrame(columns=list(_SCORES)).astype(_SCORES)
    known = labelled(
        table, "current", horizon_days, max_cutoffs=max_train_cutoffs, max_rows=max_train_rows
    )
    with threadpool_limits(limits=1):
        fitted = churn_models.fit(
            [model], known, features, horizon_days=horizon_days, random_state=random_state
        )
        logits = churn_models.predict_logits([model], fitted, target, batch_rows)
    told = predictions[predictions["model"] == model].merge(
        table[["customer_id", "cutoff_date", "has_churned"]], on=["customer_id", "cutoff_date"]
    )
    told[model] = logit(told["uncalibrated_probability"])
    held_out = told[told["example_set"] == "validation"]
    line = _calibrations(held_out[[model]], held_out["has_churned"].to_numpy(), [model])[model]
    past = SeasonEvidence(horizon_days, UNCALIBRATED)
    judged = told[told["example_set"] != "validation"]
    for cutoff, rows in judged.groupby("cutoff_date"):
        is_test = rows["example_set"].iloc[0] == "test"
        before = rows[[model]].apply(line) if is_test else rows[[model]]
        past.add(pd.Timestamp(cutoff), before, rows["has_churned"].to_numpy())
    found = logits.apply(line)
    rows = _rows(target, found, season=past.level(target["cutoff_date"].min(), found))
    return rows.sort_values("customer_id", ignore_index=True)[list(_SCORES)]


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
    judged = predictions[predictions["example_set"].isin(["rolling", "test"])]
    if not (judged["model_status"] == OK).any():
        customers = examples.loc[examples["example_set"] == "train", "customer_id"].nunique()
        return f"churn: skipped (too little to learn from {customers:,} training customers)"
    cutoffs = judged["cutoff_date"].nunique()
    return (
        f"churn: {judged['model'].nunique()} models on {sets.get('train', 0):,} examples … "
        f"judged at {cutoffs:,} cutoff{'s' if cutoffs > 1 else ''}, "
        f"the last with {sets.get('test', 0):,} customers"
    )


def _judged_cutoffs(
    table: pd.DataFrame, horizon_days: int, min_customers: int, bounds: Mapping[str, int]
) -> Iterator[pd.Timestamp]:
    """Yield the cutoffs that can be predicted from what was known before them, ascending."""
    sets = table[table["example_set"] != "current"].groupby("cutoff_date")["example_set"].first()
    for cutoff, example_set in sets.items():
        known = known_before(table, pd.Timestamp(cutoff), horizon_days, **bounds)
        if example_set == "test" or (
            known["cutoff_date"].nunique() >= MIN_KNOWN_CUTOFFS
            and known["customer_id"].nunique() >= min_customers
            and known["has_churned"].nunique() == 2
        ):
            yield pd.Timestamp(cutoff)


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
    examples: pd.DataFrame,
    logits: pd.DataFrame,
    *,
    raw: pd.DataFrame | None = None,
    season: SeasonLevel | None = None,
) -> pd.DataFrame:
    """Return one row for each example and model, model by model."""
    keys = examples[list(KEYS)]
    parts = []
    for name in logits:
        leveled = logits[name] if season is None else season.logits[name]
        has_level = season is not None and name not in UNCALIBRATED
        is_taken = season is not None and bool(season.helps[name])
        parts.append(
            keys.assign(
                model=name,
                churn_probability=_probability(leveled if is_taken else logits[name]),
                seasonal_cutoff_date=season.cutoff if season and is_taken else pd.NaT,
                model_status=np.where(logits[name].isna(), INSUFFICIENT_DATA, OK),
                uncalibrated_probability=_probability((logits if raw is None else raw)[name]),
                seasonal_probability=_probability(leveled) if has_level else np.nan,
            )
        )
    return pd.concat(parts, ignore_index=True)[list(_PREDICTIONS)].astype(_PREDICTIONS)


def _probability(logits: pd.Series) -> np.ndarray:
    """Return probabilities no surer than models may be, shape (n,)."""
    found: np.ndarray = expit(logits.clip(-churn_models.MAX_LOGIT, churn_models.MAX_LOGIT))
    return np.asarray(found)
