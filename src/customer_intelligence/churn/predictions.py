"""Judge every churn model on cutoffs after those it learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
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
from customer_intelligence.churn.fitting import Sample
from customer_intelligence.churn.models import MODELS, ModelFit
from customer_intelligence.frames import INSUFFICIENT_DATA, OK, sample_positions
from customer_intelligence.scoring import BATCH_ROWS
from customer_intelligence.scoring.scorer import bounded

# Out-of-fold predictions are made of at most this many training examples; a cutoff before the test
# cutoff is predicted by models that learned from as many.
MAX_VALIDATION_ROWS = 20_000

# Models are judged on at most so many customers of a cutoff.
MAX_JUDGED_CUSTOMERS = 20_000

# A cutoff is judged where models can learn from so many before it.
MIN_KNOWN_CUTOFFS = 2

# These say what they say: their level is part of what is judged.
UNCALIBRATED = ("base_rate", "buy_till_you_die")

# In the order of the rows of an example.
_SETS = ("rolling", "test", "validation")

SCORES = {
    **KEYS,
    "model": "string",
    "churn_probability": "float64",
    "seasonal_cutoff_date": "datetime64[us]",
    "model_status": "string",
}
_PREDICTIONS = {**SCORES, "uncalibrated_probability": "float64", "seasonal_probability": "float64"}


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
    models: Mapping[str, ModelFit] = MODELS,
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
    models : mapping of str to ModelFit
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
    options = {"horizon_days": horizon_days, "random_state": random_state}
    bounds = {"max_cutoffs": max_train_cutoffs, "max_rows": max_train_rows}
    train = labelled(table, "test", horizon_days, **bounds)
    held_out = train.iloc[sample_positions(train["customer_id"], max_validation_rows)]
    folds = folds_of(held_out["customer_id"])
    is_enough = train["customer_id"].nunique() >= min_customers and all(
        held_out.loc[folds != fold, "has_churned"].nunique() == 2 for fold in range(FOLDS)
    )
    if not is_enough:
        target = table[table["example_set"] == "test"]
        nothing = pd.DataFrame(np.nan, index=target.index, columns=names)
        return _sorted([_Said(target, "test", nothing, nothing)], names)

    def predict(learned: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        fitted = churn_models.fit(names, Sample.of(learned, features, **options), models)
        return churn_models.predict_logits(names, fitted, rows, batch_rows)

    with threadpool_limits(limits=1):
        by_fold = [predict(held_out[folds != f], held_out[folds == f]) for f in range(FOLDS)]
        logits = pd.concat(by_fold).loc[held_out.index]
        labels = held_out["has_churned"].to_numpy()
        # Each fold by the line of the other folds: no customer judges the line it was part of.
        validation = logits.copy()
        for fold in range(FOLDS):
            is_in = folds == fold
            for name, line in lines_of(logits[~is_in], labels[~is_in]).items():
                validation.loc[is_in, name] = line(logits.loc[is_in, name])
        parts = [_Said(held_out, "validation", validation, logits)]
        lines = lines_of(logits, labels)
        past = SeasonEvidence(horizon_days, UNCALIBRATED)
        for cutoff in _judged_cutoffs(table, horizon_days, min_customers, bounds):
            rows = table[(table["cutoff_date"] == cutoff) & (table["example_set"] != "current")]
            rows = rows.iloc[sample_positions(rows["customer_id"], max_judged_customers)]
            is_test = rows["example_set"].iloc[0] == "test"
            largest = max_train_rows if is_test else min(max_train_rows, max_validation_rows)
            known = known_before(
                table, cutoff, horizon_days, max_cutoffs=max_train_cutoffs, max_rows=largest
            )
            raw = predict(known, rows)
            found = raw.apply(lambda column: lines[column.name](column)) if is_test else raw
            example_set = "test" if is_test else "rolling"
            parts.append(_Said(rows, example_set, found, raw, past.level(cutoff)))
            past.add(cutoff, found, rows["has_churned"].to_numpy())
    return _sorted(parts, names)


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


def lines_of(logits: pd.DataFrame, labels: np.ndarray) -> dict[str, Calibration]:
    """Return the line of each model, from out-of-fold log-odds (a column a model) and labels."""
    return {
        str(name): Calibration()
        if name in UNCALIBRATED
        else fit_calibration(logits[name].to_numpy(), labels)
        for name in logits
    }


@dataclass(frozen=True, eq=False)
class _Said:
    """What models say of some examples.

    Attributes
    ----------
    examples : DataFrame
        Indexed by their positions among all.
    example_set : str
    logits, raw : DataFrame, shape (n, models)
        With and without the line.
    season : SeasonLevel or None
    """

    examples: pd.DataFrame
    example_set: str
    logits: pd.DataFrame
    raw: pd.DataFrame
    season: SeasonLevel | None = None

    def rows(self, model: str) -> dict[str, np.ndarray]:
        """Return the columns of a model, with the keys as positions among the examples."""
        logits, season = self.logits[model].to_numpy(), self.season
        leveled = logits if season is None else logits + season.shifts[model]
        is_taken = season is not None and bool(season.helps[model])
        has_level = season is not None and model not in UNCALIBRATED
        cutoff = season.cutoff.to_datetime64() if season and is_taken else np.datetime64("NaT")
        return {
            "position": self.examples.index.to_numpy(),
            "example_set": np.full(len(logits), _SETS.index(self.example_set)),
            "churn_probability": _probability(leveled if is_taken else logits),
            "seasonal_cutoff_date": np.full(len(logits), cutoff, dtype="datetime64[us]"),
            "uncalibrated_probability": _probability(self.raw[model].to_numpy()),
            "seasonal_probability": _probability(
                leveled if has_level else np.full(len(logits), np.nan)
            ),
        }


def _sorted(parts: Sequence[_Said], models: Sequence[str]) -> pd.DataFrame:
    """Return a row for each example, set and model, sorted by model and the examples' order."""
    tables = []
    keys = pd.concat([part.examples[["customer_id", "cutoff_date"]] for part in parts])
    keys = keys[~keys.index.duplicated()]
    for model in models:
        blocks = [part.rows(model) for part in parts]
        table = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        order = np.lexsort([table["example_set"], table["position"]])
        tables.append({name: column[order] for name, column in table.items()})
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    named = keys.loc[joined.pop("position")].reset_index(drop=True)
    sets = np.array(_SETS, dtype=object)[joined.pop("example_set")]
    sizes = [len(table["position"]) for table in tables]
    is_known = ~np.isnan(joined["churn_probability"])
    result = named.assign(
        example_set=sets,
        model=np.repeat(np.array(models, dtype=object), sizes),
        model_status=np.where(is_known, OK, INSUFFICIENT_DATA),
        **joined,
    )
    return result[list(_PREDICTIONS)].astype(_PREDICTIONS)


def _probability(logits: np.ndarray) -> np.ndarray:
    """Return probabilities no surer than models may be, shape (n,)."""
    return np.asarray(expit(bounded(logits)))
